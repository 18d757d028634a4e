"""Measures of two layers on the same rows: neighbours in a model, one layer at two steps, or layers of two models.

The first choices of one layer are a label of rows for the other layer. So the null is that of labels of rows: sequences
of first choices are exchanged between documents of nearly the same length.

Axes: T rows, K slots, E experts of the one layer, F experts of the other, D documents.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from moe_lab.errors import RunError
from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces import tables
from moe_lab.metrics.traces.labelled import RowLabel
from moe_lab.metrics.traces.labels import of_tables, require_use
from moe_lab.metrics.traces.layers import mean_of_parts
from moe_lab.metrics.traces.measured import register
from moe_lab.metrics.traces.rows import BLOCK, Chosen, Rows
from moe_lab.metrics.traces.sampled import Place, Sampled, Statistic, sampled, too_few
from moe_lab.routing.trace import LayerTrace, Trace
from moe_lab.statistics.matching import matched_share

CROSS_LAYER = register(
    "cross_layer_information_per_usage",
    scope="pair",
    unit="fraction",
    definition="I(A;B) / H(B) of the first choices A in one layer and B in the next.",
    source="Theil 1970, uncertainty coefficient; layers: Muennighoff et al. 2024, arXiv:2409.02060",
    is_information=True,
)
SATURATION = register(
    "saturation",
    scope="pair",
    unit="fraction",
    definition="Share of a row's selected experts that the later trace selects for it, too, mean over rows.",
    source="Muennighoff et al. 2024, arXiv:2409.02060",
)
DRIFT = register(
    "usage_drift_bits",
    scope="pair",
    unit="bits",
    definition="Jensen-Shannon divergence between the usage of the experts in the earlier and in the later trace.",
    source="Lin 1991, section V",
)
AGREEMENT = register(
    "matched_agreement",
    scope="pair",
    unit="fraction",
    definition="Share of rows with the same first choice in both models after their experts were matched.",
    source="Kuhn 1955, Hungarian method",
)


def neighbours(trace: Trace, rows: Rows, permutations: int, seed: int) -> Iterator[Sampled]:
    """I(A;B) / H(B) of the first choices of each layer and the next."""
    for here, there in zip(trace.layers[:-1], trace.layers[1:], strict=True):
        yield _of_choices(CROSS_LAYER, tables.information_per_usage, here, there, rows, permutations, seed)


def agreement(here: Trace, there: Trace, permutations: int, seed: int) -> Iterator[Sampled]:
    """Two models: first choices of layers at the same place, after matching. Raises RunError if rows differ."""
    rows = _shared_rows(here, there)
    for one, other in zip(here.layers, there.layers, strict=False):
        yield _of_choices(AGREEMENT, _matched, one, other, rows, permutations, seed)


def changes(earlier: Trace, later: Trace) -> Iterator[Sampled]:
    """One model at two steps: saturation and drift, layer by layer. Raises RunError if rows or layers differ."""
    rows = _shared_rows(earlier, later)
    layers = [(layer.name, layer.experts) for layer in earlier.layers]
    if layers != [(layer.name, layer.experts) for layer in later.layers]:
        raise RunError("the two traces have different layers: only two steps of one model can be compared in this way")
    for one, other in zip(earlier.layers, later.layers, strict=True):
        pair = (Chosen.slots(one, rows), Chosen.slots(other, rows))
        place = Place(layer=one.name, documents=rows.documents)
        yield sampled(SATURATION, partial(_saturation, *pair, rows), place)
        yield sampled(DRIFT, partial(_drift, *pair), place)


def _of_choices(
    measure: str,
    function: tables.OfTables,
    here: LayerTrace,
    there: LayerTrace,
    rows: Rows,
    permutations: int,
    seed: int,
) -> Sampled:
    """A function of the table of first choices of two layers."""
    names = tuple(map(str, range(here.experts)))
    # strata and the least p depend only on the rows
    every = RowLabel(here.name, names, rows, permutations, seed, np.zeros(len(rows.document_T), dtype=np.uint8))

    def statistic() -> Statistic:
        own_T = require_use(Chosen.first(here, rows)).experts_TK[:, 0]
        choices = RowLabel(here.name, names, rows, permutations, seed, own_T)
        [found] = choices.tables([require_use(Chosen.first(there, rows))])
        return of_tables(function, found)

    no_p = too_few(rows.documents, every.least_p, permutations)
    place = Place(layer=f"{here.name} -> {there.name}", documents=rows.documents)
    return sampled(measure, statistic, place, no_p)


def _matched(tables_EF: np.ndarray) -> np.ndarray:
    flat = tables_EF.reshape(-1, *tables_EF.shape[-2:])
    return np.array([matched_share(table_EF) for table_EF in flat]).reshape(tables_EF.shape[:-2])


def _saturation(earlier: Chosen, later: Chosen, rows: Rows) -> Statistic:
    """|A_t and A'_t| / |A_t|, mean over the rows that select experts in the earlier trace."""
    slots = earlier.experts_TK.shape[1] * later.experts_TK.shape[1]
    shared_T, size_T = np.zeros(len(rows.document_T)), np.zeros(len(rows.document_T))
    step = max(1, BLOCK // slots)
    for start in range(0, len(size_T), step):
        here = slice(start, start + step)
        before, after = earlier.experts_TK[here, :, None], later.experts_TK[here, None, :]
        used = before < earlier.experts
        shared_T[here] = ((before == after) & used).sum((1, 2))
        size_T[here] = used.sum((1, 2))
    routed_T = size_T > 0
    if not routed_T.any():
        raise Undefined("no row selects an expert")
    share_T = np.divide(shared_T, size_T, out=np.zeros_like(shared_T), where=routed_T)
    return mean_of_parts(share_T, routed_T, rows)


def _drift(earlier: Chosen, later: Chosen) -> Statistic:
    one = np.zeros(len(earlier.experts_TK), dtype=np.int8)
    usage_2E = np.concatenate([chosen.table(one, 1) for chosen in (earlier, later)])
    if not usage_2E.any(1).all():
        raise Undefined("no row selects an expert")
    return Statistic(float(tables.divergence_bits(usage_2E)))


def _shared_rows(here: Trace, there: Trace) -> Rows:
    """Raise RunError if the two traces differ in rows, documents or tokens."""
    same = [
        (here.document_T, there.document_T),
        (here.token_id_T, there.token_id_T),
        (here.position_T, there.position_T),
    ]
    known: Sequence[tuple[np.ndarray, np.ndarray]] = [
        (one, other) for one, other in same if one is not None and other is not None
    ]
    if not all(np.array_equal(one, other) for one, other in known):
        raise RunError(
            f"the two traces are not of the same rows ({here.rows} and {there.rows}, or other documents or tokens); "
            "record both models on the same text"
        )
    return Rows.of(here)
