"""Measures that need no label: balance of a layer's experts, experts selected together, and runs of one expert.

Axes: T rows, K slots, E experts, D documents, M groups of documents that are left out together.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.labelled import summed
from moe_lab.metrics.traces.labels import require_use
from moe_lab.metrics.traces.measured import register
from moe_lab.metrics.traces.rows import BLOCK, Chosen, Rows
from moe_lab.metrics.traces.sampled import Place, Sampled, Statistic, sampled
from moe_lab.metrics.traces.tables import usage_bits
from moe_lab.routing.trace import LayerTrace
from moe_lab.statistics.documents import groups_of

#: consecutive documents that count as one batch
BATCH_DOCUMENTS = 32
#: number of tables drawn for the balance by chance
CHANCE_TABLES = 1_000
#: least number of rows of a token id for its most frequent expert to count, as in OLMoE's script
LEAST_ROWS = 10
MAXVIO = "Wang et al. 2024, arXiv:2408.15664, MaxVio"
OLMOE = "Muennighoff et al. 2024, arXiv:2409.02060"

USAGE = register(
    "slot_entropy_bits",
    scope="layer",
    unit="bits",
    high=None,
    definition="H(E) of slots over all rows; at most log2 E.",
    source="Shannon 1948",
    is_information=True,
)
DEAD = register(
    "never_selected_experts",
    scope="layer",
    unit="count",
    high=None,
    definition="Experts that no row selects.",
    source="moe-lab",
)
UNROUTED = register(
    "unrouted_share",
    scope="layer",
    unit="fraction",
    definition="Share of the rows that select no expert, or whose routing is missing.",
    source="moe-lab",
)
GLOBAL, BATCH, DOCUMENT = (
    register(
        f"slot_max_violation_{scope}",
        scope="layer",
        unit="ratio",
        high=None,
        definition=f"(largest load - mean load) / mean load of slots, {of}.",
        source=MAXVIO,
    )
    for scope, of in (
        ("global", "over all rows"),
        ("batch", f"within {BATCH_DOCUMENTS} consecutive documents, mean over these; chance is of independent slots"),
        ("document", "within a document, mean over documents; chance is of independent slots"),
    )
)
TOGETHER = register(
    "coactivation_highest",
    scope="layer",
    unit="fraction",
    definition="The largest share, over ordered pairs of experts, of one's rows that also select the other.",
    source=OLMOE,
)
REPEAT = register(
    "repeat_rate",
    scope="layer",
    unit="fraction",
    definition="Share of rows with the same first choice as the row before in the document; chance is sum p_e^2.",
    source="Jiang et al. 2024, arXiv:2401.04088, section 5",
)
VOCABULARY = register(
    "vocabulary_specialization",
    scope="layer",
    unit="fraction",
    definition="Share of a token id's rows whose first choice is its most frequent expert, mean over token ids with "
    "at least ten rows.",
    source=OLMOE,
)


def of_layer(layer: LayerTrace, rows: Rows, token_id_T: np.ndarray | None) -> Iterator[Sampled]:
    """Every measure of one layer. ``token_id_T`` in the order of ``rows``."""
    slots = Chosen.slots(layer, rows)
    counts_DE = slots.by_document(rows)
    measures: dict[str, Callable[[], Statistic]] = {
        USAGE: lambda: _of_parts(require_counts(counts_DE), lambda counts: usage_bits(counts[..., None, :])),
        DEAD: lambda: Statistic(float(np.count_nonzero(require_counts(counts_DE).sum(0) == 0))),
        UNROUTED: lambda: Statistic(float((slots.experts_TK == slots.experts).all(1).mean())),
        GLOBAL: lambda: Statistic(float(max_violation(require_counts(counts_DE).sum(0)))),
        BATCH: lambda: _mean_violation(require_counts(counts_DE), BATCH_DOCUMENTS),
        DOCUMENT: lambda: _mean_violation(require_counts(counts_DE), 1),
        TOGETHER: lambda: Statistic(float(np.nanmax(coactivation(require_use(slots))))),
        REPEAT: lambda: repeats(require_use(Chosen.first(layer, rows)), rows),
        VOCABULARY: lambda: Statistic(vocabulary_specialization(require_use(Chosen.first(layer, rows)), token_id_T)),
    }
    for measure, statistic in measures.items():
        yield sampled(measure, statistic, Place(layer=layer.name, documents=rows.documents))


def require_counts(counts_DE: np.ndarray) -> np.ndarray:
    """Raise Undefined if no row selects an expert."""
    if not counts_DE.any():
        raise Undefined("no row selects an expert")
    return counts_DE


def max_violation(counts_E: np.ndarray) -> np.ndarray:
    """(max - mean) / mean = E max / sum - 1 along the last axis; 0 is perfect balance, E - 1 a single expert."""
    counts_E = np.asarray(counts_E, dtype=np.float64)
    return counts_E.shape[-1] * counts_E.max(-1) / counts_E.sum(-1) - 1


def coactivation(slots: Chosen) -> np.ndarray:
    """``[E, E]``: n_ef / n_e, the share of the rows with expert e that also select f.

    It is NaN on the diagonal and for an expert that no row selects. All pairs of slots count, not only those of
    neighbouring ranks.

    Raises: Undefined if a row selects no row selects more than one expert.
    """
    rows, width = slots.experts_TK.shape[0], slots.experts + 1
    together = np.zeros(width * width)
    selected = np.zeros(width)
    step = max(1, BLOCK // slots.experts_TK.shape[1])
    for start in range(0, rows, step):
        block = slots.experts_TK[start : start + step].astype(np.int64)
        selected += np.bincount(block.ravel(), minlength=width)
        for first in range(block.shape[1]):
            for second in range(first):
                together += np.bincount(block[:, first] * width + block[:, second], minlength=width * width)
    both_EE = together.reshape(width, width)[:-1, :-1]
    if not both_EE.any():
        raise Undefined("no row selects more than one expert")
    both_EE = both_EE + both_EE.T
    np.fill_diagonal(both_EE, np.nan)
    selected_E1 = selected[:-1, None]
    return np.divide(both_EE, selected_E1, out=np.full_like(both_EE, np.nan), where=selected_E1 > 0)


def repeats(first: Chosen, rows: Rows) -> Statistic:
    """Share of rows with the first choice of the row before, of those with a row before them in their document.

    Chance is sum_e p_e^2 with the shares p of all first choices, which is 1 / E only if all loads are equal.
    """
    expert_T, document_T = first.experts_TK[:, 0], rows.document_T
    counted_T = (document_T[1:] == document_T[:-1]) & (expert_T[1:] < first.experts) & (expert_T[:-1] < first.experts)
    if not counted_T.any():
        raise Undefined("no document has two consecutive rows with a first choice")
    same_T = counted_T & (expert_T[1:] == expert_T[:-1])
    statistic = mean_of_parts(np.append(False, same_T), np.append(False, counted_T), rows)
    loads_E = np.bincount(expert_T, minlength=first.experts + 1)[:-1].astype(np.float64)
    chance = float(np.square(loads_E / loads_E.sum()).sum())
    return replace(statistic, chance=chance)


def vocabulary_specialization(first: Chosen, token_id_T: np.ndarray | None) -> float:
    """Mean over token ids x of max_e N(e, x) / N(x), N(x) >= 10 rows with a first choice.

    Raises: Undefined if there are no token ids, or none occurs in ten rows.
    """
    if token_id_T is None:
        raise Undefined("the trace has no token ids")
    routed_T = first.experts_TK[:, 0] < first.experts
    ids, token_M = np.unique(token_id_T[routed_T], return_inverse=True)
    pair, count = np.unique(token_M * np.int64(first.experts) + first.experts_TK[routed_T, 0], return_counts=True)
    token, total = pair // first.experts, np.bincount(token_M)
    most_X = np.zeros(len(ids))
    np.maximum.at(most_X, token, count)
    often_X = total >= LEAST_ROWS
    if not often_X.any():
        raise Undefined(f"no token id occurs in {LEAST_ROWS} rows")
    return float((most_X[often_X] / total[often_X]).mean())


def _mean_violation(counts_DE: np.ndarray, documents: int) -> Statistic:
    """MaxVio within batches of consecutive documents, mean over these; the last, shorter batch counts, too.

    A few rows cannot use all experts evenly. So chance is the mean of the same measure if each slot is drawn
    independently with the loads of all rows: 1,000 multinomial tables with the sizes of these batches.
    """
    block_D = np.arange(len(counts_DE)) // documents
    blocks_BE = summed(counts_DE, block_D, int(block_D[-1]) + 1)
    blocks_BE = blocks_BE[blocks_BE.any(1)]
    violation_B = max_violation(blocks_BE)
    found = _of_parts(np.stack([violation_B, np.ones_like(violation_B)], axis=1), _share)
    # in falling order, so that the draws do not depend on the numbering of experts
    loads_E = np.sort(blocks_BE.sum(0))[::-1] / blocks_BE.sum()
    drawn_b = np.linspace(0, len(blocks_BE) - 1, CHANCE_TABLES).round().astype(np.int64)
    slots_b = blocks_BE[drawn_b].sum(1).astype(np.int64)
    by_chance_bE = np.random.default_rng(list(b"independent slots")).multinomial(slots_b, loads_E)
    return replace(found, chance=float(max_violation(by_chance_bE).mean()))


def _of_parts(counts_DE: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> Statistic:
    """A function of summed counts, with its values without each group of documents."""
    group_D = groups_of(len(counts_DE))
    parts_ME = summed(counts_DE, group_D, int(group_D.max()) + 1)
    total_E = parts_ME.sum(0)
    left_out_ME = total_E - parts_ME
    # a single group cannot be left out
    left_out_M = function(left_out_ME) if (left_out_ME.sum(-1) > 0).all() else None
    return Statistic(float(function(total_E)), None, left_out_M)


def mean_of_parts(value_T: np.ndarray, counted_T: np.ndarray, rows: Rows) -> Statistic:
    """The mean of a value over the rows that count, with its values without each group of documents."""
    columns = (value_T * counted_T, counted_T)
    return _of_parts(np.stack([np.bincount(rows.document_T, one, rows.documents) for one in columns], axis=1), _share)


def _share(counts_2: np.ndarray) -> np.ndarray:
    return np.asarray(counts_2[..., 0] / counts_2[..., 1])
