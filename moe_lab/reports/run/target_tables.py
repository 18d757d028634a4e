"""Which values of a number's target each expert gets, and which it explains. Axes: E experts, C values."""

import numpy as np

from moe_lab.metrics.arrays import NumberArrays
from moe_lab.reports.kit.heat import Words, heat_map
from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.run.target import Target


def given_table(arrays: NumberArrays, target: Target) -> Picture:
    """Test samples by the target's known component, or tenth, and the expert of the largest weight."""
    caption = (
        f"A row is a {target.one}{_y(target)} and a column an expert; a cell counts the test samples whose largest "
        "weight went to the expert, which only the input decides."
    )
    words = Words("target_expert", f"Which {target.one} each expert gets", target.one, "target", "expert", caption)
    return _table(arrays.label_counts_EC, target, words)


def explained_table(arrays: NumberArrays, target: Target) -> Picture:
    """Test samples by the target's known component, or tenth, and the expert most responsible for them."""
    caption = (
        "As before, but by the expert most responsible for a sample once its target is known: the largest of "
        "weight times density. Where one input has several right answers, this tells how the experts share them."
    )
    title = f"Which {target.one} each expert explains"
    words = Words("target_responsible", title, target.one, "target", "responsible expert", caption)
    return _table(arrays.responsible_counts_EC, target, words)


def _y(target: Target) -> str:
    return f", y being {target.name}," if target.high_on_top and target.name != "y" else ""


def _table(counts_EC: np.ndarray, target: Target, words: Words) -> Picture:
    """Components stand in their own order, of tenths the highest on top, so that both tables have the same rows."""
    order = list(range(counts_EC.shape[1]))
    return heat_map(counts_EC, target.names, order[::-1] if target.high_on_top else order, words)
