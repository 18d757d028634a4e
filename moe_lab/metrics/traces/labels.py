"""Measures of the dependence of the choice of experts on a label, layer by layer, from tables of counts.

Slots count each selected expert of a row; first choices count only the expert that it ranks first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces import tables
from moe_lab.metrics.traces.labelled import HELD, Labelled, Tables
from moe_lab.metrics.traces.measured import register
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.metrics.traces.sampled import Place, Sampled, Statistic, sampled, too_few
from moe_lab.routing.trace import LayerTrace

THEIL = "Theil 1970, uncertainty coefficient"
#: measures of a table of slots
SLOTS: dict[str, tables.OfTables] = {
    register(
        "slot_information_per_usage",
        scope="label",
        unit="fraction",
        definition="I(E;label) / H(E) of slots: the share of the experts' usage that follows the label.",
        source=THEIL,
        is_information=True,
    ): tables.information_per_usage,
    register(
        "slot_information_bits",
        scope="label",
        unit="bits",
        high=None,
        definition="I(E;label) of slots, labels weighted by their rows.",
        source="Shannon 1948",
        is_information=True,
    ): tables.information_bits,
    register(
        "equal_information_per_usage",
        scope="label",
        unit="fraction",
        definition="I(E;label) / H(E) of slots with every label given the same weight, as in OLMoE's plots.",
        source=f"{THEIL}; weights: Muennighoff et al. 2024, arXiv:2409.02060",
        is_information=True,
    ): tables.divergence_per_usage,
    register(
        "jensen_shannon_bits",
        scope="label",
        unit="bits",
        high=None,
        definition="Generalized Jensen-Shannon divergence of the labels' shares of slots, labels of equal weight.",
        source="Lin 1991, section V",
        is_information=True,
    ): tables.divergence_bits,
    register(
        "effective_rank",
        scope="label",
        unit="fraction",
        definition="Effective rank of the matrix label x expert of shares, divided by min(labels, E).",
        source="Roy and Vetterli 2007",
    ): tables.effective_rank,
    register(
        "domain_specialization_highest",
        scope="label",
        unit="fraction",
        definition="The largest share of a label's slots that one expert has, over labels and experts.",
        source="Muennighoff et al. 2024, arXiv:2409.02060",
    ): tables.highest_share,
}
#: measures whose upward bias the jackknife cannot remove: compare them with the mean of the null
WITHOUT_INTERVAL = (tables.effective_rank, tables.highest_share)
FIRST: dict[str, tables.OfTables] = {
    register(
        "first_choice_information_per_usage",
        scope="label",
        unit="fraction",
        definition="I(E;label) / H(E) of first choices.",
        source=THEIL,
        is_information=True,
    ): tables.information_per_usage,
}
COMMITTEE = register(
    "standing_committee",
    scope="label",
    unit="count",
    low=1.0,
    high=None,
    definition="Size of the smallest set of experts that has half of the routing weight of every label.",
    source="after Wang et al. 2026, arXiv:2601.03425",
)


def of_label(label: Labelled, layers: Sequence[LayerTrace], rows: Rows) -> Iterator[Sampled]:
    """Every measure of tables, for one label in every layer; all layers see the same permutations."""
    yield from _of_tables(SLOTS, Chosen.slots, label, layers, rows)
    yield from _of_tables(FIRST, Chosen.first, label, layers, rows)
    for layer in layers:
        yield sampled(COMMITTEE, partial(_committee, label, layer, rows), place_of(label, layer))


def _of_tables(
    measures: dict[str, tables.OfTables],
    count: Callable[[LayerTrace, Rows], Chosen],
    label: Labelled,
    layers: Sequence[LayerTrace],
    rows: Rows,
) -> Iterator[Sampled]:
    found = _statistics(measures, count, label, layers, rows)
    for layer in layers:
        for measure in measures:
            statistic = partial(_found, found[layer.name], measure)
            yield sampled(measure, statistic, place_of(label, layer), no_small_p(label))


def _statistics(
    measures: dict[str, tables.OfTables],
    count: Callable[[LayerTrace, Rows], Chosen],
    label: Labelled,
    layers: Sequence[LayerTrace],
    rows: Rows,
) -> dict[str, dict[str, Statistic] | Undefined]:
    """Layer -> measure -> statistic, or the reason why there are none. Tables are not kept."""
    found: dict[str, dict[str, Statistic] | Undefined] = {}
    counted: dict[str, Chosen] = {}
    for layer in layers:
        try:
            label.require_two()
            counted[layer.name] = require_use(count(layer, rows))
        except Undefined as undefined:
            found[layer.name] = undefined
    if counted:
        for layer_name, of_layer in zip(counted, label.tables(list(counted.values())), strict=True):
            of_each = {measure: of_tables(function, of_layer) for measure, function in measures.items()}
            if label.no_null:
                of_each = {
                    measure: replace(one, null_P=None, no_null=label.no_null) for measure, one in of_each.items()
                }
            found[layer_name] = of_each
    return found


def _tested(label: Labelled, found: Statistic) -> Statistic:
    """The tables, without the null if the label has none."""
    return found if label.no_null is None else replace(found, null_P=None, no_null=label.no_null)


def _found(of_layer: dict[str, Statistic] | Undefined, measure: str) -> Statistic:
    if isinstance(of_layer, Undefined):
        raise of_layer
    return of_layer[measure]


def of_tables(function: tables.OfTables, found: Tables) -> Statistic:
    """A function of tables: its value, its null, and its values without each group of documents."""
    left_out_M = None if function in WITHOUT_INTERVAL else in_parts(function, found.left_out_MGE)
    return Statistic(float(function(found.all_GE)), in_parts(function, found.null_PGE), left_out_M)


def in_parts(function: tables.OfTables, many_PGE: np.ndarray) -> np.ndarray:
    """A function of many tables, in blocks, so that intermediate arrays stay small."""
    step = max(1, HELD // max(1, many_PGE[0].size))
    return np.concatenate([function(many_PGE[start : start + step]) for start in range(0, len(many_PGE), step)])


def place_of(label: Labelled, layer: LayerTrace) -> Place:
    """The fields that all values of this label in this layer share."""
    return Place(
        layer=layer.name,
        label=label.name,
        documents=int(np.count_nonzero(label.has_D)),
        left_out=label.left_out,
        warnings=label.warnings,
    )


def no_small_p(label: Labelled) -> str | None:
    """The reason why the null of this label cannot give a small p; None if it can."""
    return too_few(int(np.count_nonzero(label.has_D)), label.least_p, label.permutations)


def require_use(chosen: Chosen) -> Chosen:
    """Raise Undefined if there is no choice: one expert, or every row selects none or the same one."""
    if chosen.experts == 1:
        raise Undefined("there is only one expert, so there is no choice")
    used = np.count_nonzero(chosen.table(np.zeros(len(chosen.experts_TK), dtype=np.int8), 1))
    if used == 0:
        raise Undefined("no row selects an expert")
    if used == 1:
        raise Undefined("H(E) is 0: every row selects the same expert")
    return chosen


def _committee(label: Labelled, layer: LayerTrace, rows: Rows) -> Statistic:
    label.require_two()
    require_use(Chosen.slots(layer, rows))
    mass_GE = Chosen.weighed(layer, rows).table(label.label_T, label.labels)
    return Statistic(float(tables.committee_size(mass_GE)))
