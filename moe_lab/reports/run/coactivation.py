"""The experts that samples select together."""

from dataclasses import replace

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.balance import coactivation_EE
from moe_lab.metrics.stored import Undefined
from moe_lab.reports.kit.heat import heat_maps
from moe_lab.reports.kit.picture import HALF, Picture


def coactivation_picture(arrays: RunArrays) -> Picture | None:
    """A heat map over ordered pairs of experts; None if samples select only one expert, or always all."""
    try:
        share_EE = coactivation_EE(arrays)
    except Undefined:
        return None
    picture = heat_maps(
        "coactivation",
        "Experts selected together",
        {"share of the row's samples": (share_EE, "Blues", 0.0, 1.0)},
        "The share of the test samples selecting the row's expert that also select the column's expert (n = "
        f"{arrays.samples} samples).",
        HALF,
    )
    pairs = [(e, f) for e in range(arrays.experts) for f in range(arrays.experts) if e != f]
    rows = ({"expert": e, "with": f, "share": None if (s := share_EE[e, f]) != s else float(s)} for e, f in pairs)
    return replace(picture, rows=tuple(rows))
