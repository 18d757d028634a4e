"""Figures and tables of how much rows compute in layers with experts that compute nothing."""

from collections.abc import Mapping

import numpy as np

from moe_lab.metrics.computing import computing_numbers, share_by_value, taken
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.numbers import quantity
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.table import Table
from moe_lab.reports.network.shown import left_out, shown_layers
from moe_lab.routing.trace import LayerTrace, Trace


def computing_sections(trace: Trace, costs: Mapping[str, np.ndarray]) -> list[Section]:
    """The chapter; none if all experts compute something."""
    computing = computing_numbers(trace, costs)
    if not computing:
        return []
    shown = shown_layers(list(computing))
    tables = tuple(_table(trace, trace.layer(name), computing[name]) for name in shown)
    return [Section("How much a row computes", notes=tuple(left_out(list(computing))), tables=tables)]


def _table(trace: Trace, layer: LayerTrace, computing: int) -> Table:
    all_T, own_T = taken(layer, computing)
    return Table(
        f"Computing: {shortened(layer.name, 30)}",
        ("label", "rows that compute most", "share", "rows that compute least", "share"),
        "llrlr",
        tuple(row for label in trace.label_names for row in _of_label(trace, layer, computing, label)),
        f"{computing} of {layer.experts} experts have a network; the others output zero, their input or a constant. "
        f"On average a row selects {own_T.mean():.2f} experts with a network. The share is that of experts with a "
        "network among all selected ones; over all rows it is "
        f"{quantity(own_T.sum() / max(1, all_T.sum()), 'fraction')}.",
    )


def _of_label(trace: Trace, layer: LayerTrace, computing: int, label: str) -> list[tuple[str, ...]]:
    """The values of a label whose rows have the largest and the smallest share; nothing if no row selects an expert."""
    share_V = share_by_value(trace, layer, computing, label)
    if np.isnan(share_V).all():
        return []
    names, ends = trace.label(label).names, (int(np.nanargmax(share_V)), int(np.nanargmin(share_V)))
    values = [(shortened(names[v], 20), quantity(float(share_V[v]), "fraction")) for v in ends]
    return [(label, *values[0], *values[1])]
