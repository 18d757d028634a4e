"""How much the rows of a mixture layer compute if some of its experts compute nothing.

The first experts of such a layer have a network; the others give zero, their input or a constant.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from moe_lab.routing.trace import NONE, LayerTrace, Trace

Entries = dict[str, dict[str, Any]]

#: name in costs.npz: the number of experts of each layer that compute something; absent if all do
COMPUTING = "computing_experts"
#: results for each layer: name -> description
TAKEN = {
    "computing_experts_per_row": "mean number of experts with a network that a row selects",
    "computing_share": "the same as a share of all experts that a row selects: 0 if none of them computes, 1 if all do",
    "attribute_computing_share": "that share for the rows of each value of a label, as label: value",
}


def computing_numbers(trace: Trace, costs: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Layer -> number of its experts that compute something, only for layers with experts that do not."""
    if COMPUTING not in costs:
        return {}
    found = zip(trace.layers, costs[COMPUTING].tolist(), strict=True)
    return {layer.name: number for layer, number in found if number < layer.experts}


def computing_metrics(trace: Trace, costs: Mapping[str, np.ndarray]) -> dict[str, Entries]:
    """Layer -> each name of TAKEN -> {"value", "unit"}, for layers some of whose experts compute nothing."""
    return {
        name: _of_layer(trace, trace.layer(name), number) for name, number in computing_numbers(trace, costs).items()
    }


def taken(layer: LayerTrace, computing: int) -> tuple[np.ndarray, np.ndarray]:
    """The number of experts that each row selects, and the number of these that compute something, [T]."""
    experts_TK = layer.experts_TK
    return (experts_TK != NONE).sum(1), ((experts_TK != NONE) & (experts_TK < computing)).sum(1)


def share_by_value(trace: Trace, layer: LayerTrace, computing: int, label: str) -> np.ndarray:
    """The computing share of the rows of each value of a label; NaN if they select nothing."""
    of_rows = trace.label(label)
    there_T = of_rows.value != NONE
    every, own = (
        np.bincount(of_rows.value[there_T], count_T[there_T], len(of_rows.names)) for count_T in taken(layer, computing)
    )
    return own / np.where(every > 0, every, np.nan)


def _of_layer(trace: Trace, layer: LayerTrace, computing: int) -> Entries:
    all_T, own_T = taken(layer, computing)
    every = int(all_T.sum())
    by_value = {
        f"{label}: {name}": None if np.isnan(share) else float(share)
        for label in trace.label_names
        for name, share in zip(trace.label(label).names, share_by_value(trace, layer, computing, label), strict=True)
    }
    share = (
        {"value": int(own_T.sum()) / every, "unit": "fraction"}
        if every
        else {"value": None, "unit": "fraction", "reason": "no row selects an expert"}
    )
    names = iter(TAKEN)
    return {
        next(names): {"value": float(own_T.mean()), "unit": "count"},
        next(names): share,
        next(names): {"value": by_value, "unit": "fraction"},
    }
