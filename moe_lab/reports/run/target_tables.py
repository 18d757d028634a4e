"""The values of a regression's target that each expert gets, and those that it explains. Axes: E experts, C values."""

import numpy as np

from moe_lab.metrics.arrays import NumberArrays
from moe_lab.reports.kit.heat import Words, heat_map
from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.run.target import Target


def given_table(arrays: NumberArrays, target: Target) -> Picture:
    """Test samples by the target's known component, or tenth, and the expert of the largest weight."""
    caption = (
        f"A row is a {target.one}{_y(target)} and a column an expert. A cell counts the test samples whose largest "
        "weight is the expert's; the weights depend only on the input."
    )
    words = Words("target_expert", f"Which {target.one} each expert gets", target.one, "target", "expert", caption)
    return _table(arrays.label_counts_EC, target, words)


def explained_table(arrays: NumberArrays, target: Target) -> Picture:
    """Test samples by the target's known component, or tenth, and the expert most responsible for them."""
    caption = (
        "As before, but by the expert most responsible for a sample if its target is known: the one with the largest "
        "product of weight and density. If one input has several possible targets, this shows how the experts divide "
        "them."
    )
    title = f"Which {target.one} each expert explains"
    words = Words("target_responsible", title, target.one, "target", "responsible expert", caption)
    return _table(arrays.responsible_counts_EC, target, words)


def _y(target: Target) -> str:
    return f", y being {target.name}," if target.high_on_top and target.name != "y" else ""


def _table(counts_EC: np.ndarray, target: Target, words: Words) -> Picture:
    """The order of rows, the same in both tables: components in their own order, tenths with the highest on top."""
    order = list(range(counts_EC.shape[1]))
    return heat_map(counts_EC, target.names, order[::-1] if target.high_on_top else order, words)
