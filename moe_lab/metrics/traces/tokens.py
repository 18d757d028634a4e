"""I(E;label | token id): what the choice of experts says about a label beyond what the token itself says.

Languages differ in their letters alone, so that experts which follow the token follow the language too. Of slots, over
the token ids that are seen with at least two labels and in at least ten documents; what is left out is stated. The
permutations are those of I(E;label): of the hypothesis that the label has to do with neither tokens nor experts. Where
label and token depend on each other, permuted labels are more evenly mixed within a token than the real ones, so the
null is larger than chance really is: the corrected value and p err on the side of no information.

Axes: X token ids, G labels, E experts, D documents, P permutations, M groups of documents. A cell is a pair of token id
and expert that occurs; N of its slots are kept by document (or by row, for a label of rows).
"""

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
#: permutations within each token id, of which only the mean is taken
BIAS_PERMUTATIONS = 20
GIVEN_TOKEN = register(
    "information_given_token_per_usage",
    scope="label",
    unit="fraction",
    definition="I(E;label | token id) / H(E) of slots, over token ids with at least two labels and ten documents.",
    source="Cover and Thomas 2006, eq. 2.60",
)


@dataclass(frozen=True, eq=False)
class Kept:
    """Which rows count, and the number of their token id, from 0 without gaps; -1 where the row is left out."""

    token_T: np.ndarray
    left_out: float

    @staticmethod
    def of(label: Labelled, token_id_T: np.ndarray) -> "Kept":
        """Raises Undefined if no token id is seen with two labels and in ten documents."""
        ids, token_T = np.unique(token_id_T, return_inverse=True)
        label_T, document_T = label.label_T, label.rows.document_T
        has_T = label_T < label.labels
        labels_X = _distinct(token_T[has_T], label_T[has_T], len(ids))
        documents_X = _distinct(token_T[has_T], document_T[has_T], len(ids))
        keep_X = (labels_X >= LEAST_LABELS) & (documents_X >= LEAST_DOCUMENTS)
        if not keep_X.any():
            raise Undefined(f"no token id is seen with {LEAST_LABELS} labels and in {LEAST_DOCUMENTS} documents")
        number_X = np.where(keep_X, np.cumsum(keep_X) - 1, -1)
        kept_T = np.where(has_T, number_X[token_T], -1)
        return Kept(kept_T.astype(np.int32), float(np.mean(kept_T < 0)))


@dataclass(frozen=True, eq=False)
class Cells:
    """N slots (or as many with equal cell and unit), sorted by cell: token id x expert.

    cell_N, token_N, expert_N: numbers without gaps.  unit_N: the document, or the row, whose label counts.  count_N:
    how many slots.
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

    def sums(self, label_N: np.ndarray, labels: int) -> float:
        """sum_xeg n log2 n - sum_xg n log2 n: what of I(E;label|X) changes with the labels."""
        joint = np.bincount(self.cell_N * labels + label_N, self.count_N).astype(np.intp)
        tokens = np.bincount(self.token_N * labels + label_N, self.count_N).astype(np.intp)
        return float(self.n_log2_n[joint].sum() - self.n_log2_n[tokens].sum())

    @cached_property
    def n_log2_n(self) -> np.ndarray:
        """n log2 n for each n up to the most slots of a token id: a look-up takes a quarter of the time."""
        return n_log2_n(np.arange(int(np.bincount(self.token_N, self.count_N).max()) + 1))


def given_token(label: Labelled, chosen: Chosen, kept: Kept) -> Statistic:
    """I(E;label|X) / H(E) = (S_xeg - S_xg - S_xe + S_x) / (N log2 N - S_e), S_ab.. the sum of n log2 n over the counts
    of a, b ..; H(E) is over the kept rows. Under a permutation only S_xeg and S_xg change.

    Args:
        chosen: slots in the order of ``label.rows``.
    Raises: Undefined where nothing was chosen.
    """
    require_use(chosen)
    of_documents = isinstance(label, DocumentLabel)
    document_T = label.rows.document_T
    unit_T = document_T if of_documents else np.arange(len(document_T))
    cells = Cells.of(chosen, kept, unit_T)
    label_U = label.label_D if isinstance(label, DocumentLabel) else label.label_T
    document_N = cells.unit_N if of_documents else document_T[cells.unit_N]
    parts = _parts(cells, label_U[cells.unit_N], label.labels, label.group_D[document_N])
    if parts.whole <= 0:
        raise Undefined("H(E) is 0 over the token ids that are kept")
    fixed = parts.tokens - parts.cells
    null_P = []
    for source_D in label.sources():
        shuffled_U = label_U[source_D] if of_documents else label_U[label.rows.taken_from(source_D)]
        # a row that gets no label still counts, as a label of its own; a document always gets one
        null_P.append((cells.sums(shuffled_U[cells.unit_N], label.labels + 1) + fixed) / parts.whole)
    bias = _bias(cells, label_U, label.labels, fixed, parts.whole, label.seed) if of_documents else np.mean(null_P)
    return Statistic(
        max(0.0, parts.value), np.array(null_P), parts.left_out_M, left_out=kept.left_out, bias=float(bias)
    )


def _bias(cells: Cells, label_D: np.ndarray, labels: int, fixed: float, whole: float, seed: int) -> float:
    """Mean of the value if labels are permuted, for each token id by itself, over the documents that have it.

    That keeps how often each label has the token, and so is the bias of the plug-in value where labels and tokens
    depend on each other. As a null it would be too narrow: what a document does to several tokens is torn apart.
    """
    generator = np.random.default_rng([seed, *b"within token"])
    documents = int(cells.unit_N.max()) + 1
    pair, place_N = np.unique(cells.token_N * documents + cells.unit_N, return_inverse=True)
    token, document = np.divmod(pair, documents)
    values = []
    for _ in range(BIAS_PERMUTATIONS):
        # pairs are sorted by token, so that ranking by token + random changes places within a token
        shuffled = document[np.argsort(token + generator.random(len(token)))]
        values.append((cells.sums(label_D[shuffled][place_N], labels + 1) + fixed) / whole)
    return float(np.mean(values))


@dataclass(frozen=True, eq=False)
class _Parts:
    value: float
    left_out_M: np.ndarray
    cells: float
    tokens: float
    whole: float


def _parts(cells: Cells, label_N: np.ndarray, labels: int, group_N: np.ndarray) -> _Parts:
    """The value, without each group of documents, and the sums that no permutation changes."""
    width, count_N, groups = labels + 1, cells.count_N, int(group_N.max()) + 1
    keys = (
        cells.cell_N * width + label_N,
        cells.token_N * width + label_N,
        cells.cell_N,
        cells.token_N,
        cells.expert_N,
        np.zeros_like(cells.cell_N),
    )
    (joint, labelled, of_cells, tokens, experts, whole) = (_sums(key, count_N, group_N, groups) for key in keys)
    shares = (joint - labelled - of_cells + tokens) / (whole - experts)
    return _Parts(float(shares[0]), shares[1:], of_cells[0], tokens[0], float(whole[0] - experts[0]))


def _sums(key_N: np.ndarray, count_N: np.ndarray, group_N: np.ndarray, groups: int) -> np.ndarray:
    """``[1 + M]``: sum over keys of n log2 n, of all and without each group."""
    total = np.bincount(key_N, count_N)
    pair, place_N = np.unique(key_N * groups + group_N, return_inverse=True)
    key, group = np.divmod(pair, groups)
    without = total[key] - np.bincount(place_N, count_N)
    change_M = np.bincount(group, n_log2_n(without) - n_log2_n(total[key]), minlength=groups)
    everything = n_log2_n(total).sum()
    return np.concatenate([[everything], everything + change_M])


def _distinct(token: np.ndarray, other: np.ndarray, tokens: int) -> np.ndarray:
    """``[X]``: how many different values of the other column each token id is seen with."""
    width = int(other.max(initial=0)) + 1
    return np.bincount(np.unique(token * np.int64(width) + other) // width, minlength=tokens)
