"""The classes that each expert gets, as an annotated heat map. Axes: E experts, C classes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.reports.kit.heat import Words, heat_map
from moe_lab.reports.kit.picture import Picture

if TYPE_CHECKING:
    pass


CLASSES = Words(
    "class_expert",
    "Which classes each expert gets",
    "class",
    "class",
    "expert",
    "A row is a true class, a column an expert. A cell counts the test samples of the class whose largest weight is "
    "the expert's; its colour is their share of the class. Classes are grouped by the expert that gets most of them.",
)


def class_order(counts_EC: np.ndarray) -> list[int]:
    """Classes grouped by the expert that gets most of them, the largest share first; classes without samples last."""
    total_C = counts_EC.sum(0)
    share_C = counts_EC.max(0) / np.maximum(total_C, 1)
    main_C = np.where(total_C > 0, counts_EC.argmax(0), len(counts_EC))
    return sorted(range(counts_EC.shape[1]), key=lambda c: (main_C[c], -share_C[c], c))


def class_table(arrays: RunArrays, class_names: Sequence[str]) -> Picture:
    """Routed test samples by true class and arg-max expert; colour is the expert's share of the class."""
    counts_EC = arrays.label_counts_EC
    return heat_map(counts_EC, class_names, class_order(counts_EC), CLASSES)
