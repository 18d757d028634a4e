"""How much computing the rows of a mixture layer take, where some of its experts compute nothing."""

from collections.abc import Mapping

import numpy as np

from moe_lab.metrics.computing import computing_numbers, share_by_value, taken
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.numbers import quantity
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.table import Table
from moe_lab.reports.network.shown import left_out, shown_layers
from moe_lab.routing.trace import LayerTrace, Trace

#: values of a label that a table has, half of them those that take most, half those that take least
VALUES = 8


def computing_sections(trace: Trace, costs: Mapping[str, np.ndarray]) -> list[Section]:
    """Nothing if all experts compute something."""
    computing = computing_numbers(trace, costs)
    if not computing:
        return []
    shown = shown_layers(list(computing))
    tables = tuple(_table(trace, trace.layer(name), computing[name]) for name in shown)
    return [Section("How much computing a row takes", notes=tuple(left_out(list(computing))), tables=tables)]


def _table(trace: Trace, layer: LayerTrace, computing: int) -> Table:
    all_T, own_T = taken(layer, computing)
    mean = own_T.sum() / max(1, all_T.sum())
    rows = [("all rows", f"{len(all_T):,}", quantity(float(mean), "fraction"))]
    for label in trace.label_names:
        rows += _of_label(trace, layer, computing, label)
    return Table(
        f"Computing: {shortened(layer.name, 30)}",
        ("rows", "how many", "computing share"),
        "lrr",
        tuple(rows),
        f"{computing} of {layer.experts} experts have a network; the others give zero, their input or a constant. A "
        f"row selects {own_T.mean():.2f} with a network on average. The share is of all experts that the rows select. "
        f"Of a label with more than {VALUES} values those that take most and least are shown.",
    )


def _of_label(trace: Trace, layer: LayerTrace, computing: int, label: str) -> list[tuple[str, str, str]]:
    share_V, rows_V = share_by_value(trace, layer, computing, label)
    there = np.flatnonzero(~np.isnan(share_V))
    order = there[np.argsort(-share_V[there], kind="stable")]
    if len(order) > VALUES:
        order = np.concatenate([order[: VALUES // 2], order[-VALUES // 2 :]])
    names = trace.label(label).names
    return [
        (f"{label} {shortened(names[v], 20)}", f"{int(rows_V[v]):,}", quantity(float(share_V[v]), "fraction"))
        for v in order.tolist()
    ]
