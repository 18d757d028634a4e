"""I(E;label | token id): information of the choice of experts about a label beyond that of the token itself.

Languages differ in their letters, so experts that follow the token follow the language, too. The measure is of slots,
over the token ids that occur with at least two labels and in at least ten documents; the share left out is reported.
Permutations are those of I(E;label), under the hypothesis that the label is independent of tokens and experts. If label
and token depend on each other, permuted labels are more evenly mixed within a token than the real ones. Then the null
is too large, so the corrected value and p err towards no information.

Axes: X token ids, G labels, E experts, D documents, P permutations, M groups of documents. A cell is a pair of token id
and expert that occurs. N counts of slots are kept, by cell and document (or row, for a label of rows).
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.labelled import DocumentLabel, Labelled
from moe_lab.metrics.traces.labels import require_use
from moe_lab.metrics.traces.measured import register
from moe_lab.metrics.traces.rows import Chosen
from moe_lab.metrics.traces.sampled import Statistic
from moe_lab.metrics.traces.tables import n_log2_n

LEAST_LABELS, LEAST_DOCUMENTS = 2, 10
#: permutations within each token id; only their mean is used
BIAS_PERMUTATIONS = 20
#: parts of the documents that are left out in turn to extrapolate the value to infinitely many documents
QUARTERS = 4
GIVEN_TOKEN = register(
    "information_given_token_per_usage",
    scope="label",
    unit="fraction",
    definition="I(E;label | token id) / H(E) of slots, over token ids with at least two labels and ten documents.",
    source="Cover and Thomas 2006, eq. 2.60",
    is_information=True,
)


@dataclass(frozen=True, eq=False)
class Kept:
    """The number of each row's token id, from 0 without gaps; -1 if the row is left out."""

    token_T: np.ndarray
    left_out: float

    @staticmethod
    def of(label: Labelled, token_id_T: np.ndarray) -> "Kept":
        """The rows that count. Raises Undefined if no token id occurs with two labels and in ten documents."""
        ids, token_T = np.unique(token_id_T, return_inverse=True)
        label_T, document_T = label.label_T, label.rows.document_T
        has_T = label_T < label.labels
        labels_X = _distinct(token_T[has_T], label_T[has_T], len(ids))
        documents_X = _distinct(token_T[has_T], document_T[has_T], len(ids))
        keep_X = (labels_X >= LEAST_LABELS) & (documents_X >= LEAST_DOCUMENTS)
        if not keep_X.any():
            raise Undefined(f"no token id occurs with {LEAST_LABELS} labels and in {LEAST_DOCUMENTS} documents")
        number_X = np.where(keep_X, np.cumsum(keep_X) - 1, -1)
        kept_T = np.where(has_T, number_X[token_T], -1)
        return Kept(kept_T.astype(np.int32), float(np.mean(kept_T < 0)))


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts of slots by cell (token id x expert) and unit, N of them, sorted by cell.

    cell_N, token_N, expert_N: numbers without gaps. unit_N: the document, or the row, whose label counts. count_N: the
    number of slots.
    """

    cell_N: np.ndarray
    token_N: np.ndarray
    expert_N: np.ndarray
    unit_N: np.ndarray
    count_N: np.ndarray

    @staticmethod
    def of(chosen: Chosen, kept: Kept, unit_T: np.ndarray) -> "Cells":
        row_N, slot_N = np.nonzero((chosen.experts_TK < chosen.experts) & (kept.token_T >= 0)[:, None])
        expert_N = chosen.experts_TK[row_N, slot_N].astype(np.int64)
        pair_N = kept.token_T[row_N] * np.int64(chosen.experts) + expert_N
        units = int(unit_T.max()) + 1
        key, count_N = np.unique(pair_N * units + unit_T[row_N], return_counts=True)
        pair_N, unit_N = np.divmod(key, units)
        cell_N = np.cumsum(np.diff(pair_N, prepend=pair_N[:1]) > 0)
        return Cells(cell_N, pair_N // chosen.experts, pair_N % chosen.experts, unit_N, count_N)

    def labelled(self, label_N: np.ndarray, labels: int, here_N: np.ndarray | slice = slice(None)) -> list[np.ndarray]:
        """Counts of token id x expert x label, and of token id x label, of all or some slots."""
        count_N, label_N = self.count_N[here_N], label_N[here_N]
        sizes = ((int(key_N[-1]) + 1) * labels for key_N in (self.cell_N, self.token_N))
        keys = (key_N[here_N] * labels + label_N for key_N in (self.cell_N, self.token_N))
        return [
            np.bincount(key_N, count_N, minlength=size).astype(np.intp) for key_N, size in zip(keys, sizes, strict=True)
        ]

    def sums(self, joint: np.ndarray, tokens: np.ndarray) -> float:
        """sum_xeg n log2 n - sum_xg n log2 n: the part of I(E;label|X) that changes with the labels."""
        return float(self.n_log2_n[joint].sum() - self.n_log2_n[tokens].sum())

    @cached_property
    def n_log2_n(self) -> np.ndarray:
        """n log2 n for each n up to the most slots of a token id; a look-up takes a quarter of the time."""
        return n_log2_n(np.arange(int(np.bincount(self.token_N, self.count_N).max()) + 1))


@dataclass(frozen=True, eq=False)
class Share:
    """I(E;label|X) / H(E) as a function of the labels, for all slots and without each quarter of the documents.

    It is (S_xeg - S_xg - S_xe + S_x) / (N log2 N - S_e), where S_ab.. is the sum of n log2 n over the counts of a, b ..

    fixed_5: S_x - S_xe of all, and without each quarter.  whole_5: N log2 N - S_e.
    """

    cells: Cells
    labels: int
    quarter_N: np.ndarray
    fixed_5: np.ndarray
    whole_5: np.ndarray

    @staticmethod
    def of(cells: Cells, labels: int, document_N: np.ndarray) -> "Share":
        """Raises Undefined if H(E) is 0, of all slots or without a quarter of the documents."""
        quarter_N = document_N % QUARTERS
        nothing_N = np.zeros_like(cells.cell_N)
        keys = (cells.token_N, cells.cell_N, nothing_N, cells.expert_N)
        tokens, pairs, whole, experts = (_sums(key_N, cells.count_N, quarter_N, QUARTERS) for key_N in keys)
        if not (whole > experts).all():
            raise Undefined("H(E) is 0 over the token ids that are kept")
        return Share(cells, labels, quarter_N, tokens - pairs, whole - experts)

    def value(self, label_N: np.ndarray) -> float:
        """Plug-in, with these labels of the units of ``cells``."""
        return (self.cells.sums(*self.cells.labelled(label_N, self.labels)) + float(self.fixed_5[0])) / self.whole_5[0]

    def extrapolated(self, label_N: np.ndarray) -> float:
        """4 value - 3 mean(value without a quarter of the documents), which has no bias of order 1 / documents."""
        all_counts = self.cells.labelled(label_N, self.labels)
        sums = [self.cells.sums(*all_counts)]
        for quarter in range(QUARTERS):
            some = self.cells.labelled(label_N, self.labels, np.flatnonzero(self.quarter_N == quarter))
            sums.append(self.cells.sums(*(counts - part for counts, part in zip(all_counts, some, strict=True))))
        values_5 = (np.array(sums) + self.fixed_5) / self.whole_5
        return float(QUARTERS * values_5[0] - (QUARTERS - 1) * values_5[1:].mean())


def given_token(label: Labelled, chosen: Chosen, kept: Kept) -> Statistic:
    """I(E;label|X) / H(E) over the kept rows, its null, and its bias.

    Each token id has few slots per label, so the plug-in value is far too large, and the jackknife alone does not
    correct it. The estimate is the difference between two extrapolations (``Share.extrapolated``): that of the labels,
    and the mean of those without information beyond the token. For the latter a label of documents is permuted, for
    each token id separately, over the documents that have it; this keeps the counts of each label with the token. It
    would be too narrow as a null, because it separates the tokens of a document. For a label of rows the null itself is
    used.

    Args:
        chosen: slots in the order of ``label.rows``.
    Raises: Undefined if there is no choice of expert.
    """
    require_use(chosen)
    document_T = label.rows.document_T
    if isinstance(label, DocumentLabel):
        unit_T, label_U, document_U = document_T, label.label_D, np.arange(label.rows.documents)
    else:
        unit_T, label_U, document_U = np.arange(len(document_T)), label.label_T, document_T
    cells = Cells.of(chosen, kept, unit_T)
    document_N = document_U[cells.unit_N]
    # a row that gets no label under a permutation still counts, with a label of its own
    share = Share.of(cells, label.labels + 1, document_N)
    null = [share.value(shuffled_U[cells.unit_N]) for shuffled_U in _permuted(label, label_U)]
    if isinstance(label, DocumentLabel):
        empty = [share.extrapolated(label_N) for label_N in _within_token(cells, label_U, label.seed)]
    else:
        few = itertools.islice(_permuted(label, label_U), BIAS_PERMUTATIONS)
        empty = [share.extrapolated(shuffled_U[cells.unit_N]) for shuffled_U in few]
    label_N = label_U[cells.unit_N]
    value = share.value(label_N)
    left_out_M = _left_out(cells, label_N, label.labels, label.group_D[document_N])
    bias = value - share.extrapolated(label_N) + float(np.mean(empty))
    return Statistic(max(0.0, value), np.array(null), left_out_M, left_out=kept.left_out, bias=bias)


def _permuted(label: Labelled, label_U: np.ndarray) -> Iterator[np.ndarray]:
    """The labels of the units, documents or rows, under each permutation."""
    of_documents = isinstance(label, DocumentLabel)
    return (label_U[source_D if of_documents else label.rows.taken_from(source_D)] for source_D in label.sources())


def _within_token(cells: Cells, label_D: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """``label_N`` with labels permuted, for each token id separately, over the documents that have it."""
    generator = np.random.default_rng([seed, *b"within token"])
    documents = int(cells.unit_N.max()) + 1
    pair, place_N = np.unique(cells.token_N * documents + cells.unit_N, return_inverse=True)
    token, document = np.divmod(pair, documents)
    for _ in range(BIAS_PERMUTATIONS):
        # pairs are sorted by token, so ranking by token + random permutes within a token
        shuffled = document[np.argsort(token + generator.random(len(token)))]
        yield label_D[shuffled][place_N]


def _left_out(cells: Cells, label_N: np.ndarray, labels: int, group_N: np.ndarray) -> np.ndarray | None:
    """The value without each group of documents; None if H(E) is 0 without one."""
    width, groups = labels + 1, int(group_N.max()) + 1
    keys = (
        cells.cell_N * width + label_N,
        cells.token_N * width + label_N,
        cells.cell_N,
        cells.token_N,
        cells.expert_N,
        np.zeros_like(cells.cell_N),
    )
    joint, labelled, pairs, tokens, experts, whole = (_sums(key, cells.count_N, group_N, groups)[1:] for key in keys)
    if not (whole > experts).all():
        return None
    return (joint - labelled - pairs + tokens) / (whole - experts)


def _sums(key_N: np.ndarray, count_N: np.ndarray, group_N: np.ndarray, groups: int) -> np.ndarray:
    """``[1 + M]``: sum over keys of n log2 n, for all slots and without each group."""
    total = np.bincount(key_N, count_N)
    pair, place_N = np.unique(key_N * groups + group_N, return_inverse=True)
    key, group = np.divmod(pair, groups)
    without = total[key] - np.bincount(place_N, count_N)
    change_M = np.bincount(group, n_log2_n(without) - n_log2_n(total[key]), minlength=groups)
    everything = n_log2_n(total).sum()
    return np.concatenate([[everything], everything + change_M])


def _distinct(token: np.ndarray, other: np.ndarray, tokens: int) -> np.ndarray:
    """``[X]``: the number of different values of the other column that each token id occurs with."""
    width = int(other.max(initial=0)) + 1
    return np.bincount(np.unique(token * np.int64(width) + other) // width, minlength=tokens)
