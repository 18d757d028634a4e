"""Which experts a sample selects together."""

from dataclasses import replace

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.balance import coactivation_EE
from moe_lab.metrics.stored import Undefined
from moe_lab.reports.kit.heat import heat_maps
from moe_lab.reports.kit.picture import HALF, Picture


def coactivation_picture(arrays: RunArrays) -> Picture | None:
    """A heat map over ordered pairs of experts; None where a sample selects one expert only, or always all."""
    try:
        share_EE = coactivation_EE(arrays)
    except Undefined:
        return None
    picture = heat_maps(
        "coactivation",
        "Experts selected together",
        {"share of the row's samples": (share_EE, "Blues", 0.0, 1.0)},
        f"Of the test samples that select the expert of a row, the share that also selects the expert of a column "
        f"(n = {arrays.samples} samples).",
        HALF,
    )
    pairs = [(e, f) for e in range(arrays.experts) for f in range(arrays.experts) if e != f]
    rows = ({"expert": e, "with": f, "share": None if (s := share_EE[e, f]) != s else float(s)} for e, f in pairs)
    return replace(picture, rows=tuple(rows))
