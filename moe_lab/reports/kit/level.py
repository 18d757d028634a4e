"""The mean of a metric over seeds, with an interval that stays within the metric's bounds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moe_lab.metrics import METRICS
from moe_lab.statistics import Summary, rate_summary, summary
from moe_lab.tasks import Task

#: lists in metrics.json with one value per expert, and with one per class
PER_EXPERT, PER_CLASS = "load_share", "expert_entropy_by_class_bits"


@dataclass(frozen=True)
class Sizes:
    """The sizes that bound metrics: E, C (None: not known) and the task."""

    experts: int | None = None
    classes: int | None = None
    task: Task = "classification"


def sizes(metrics: Mapping[str, Any]) -> Sizes:
    """The sizes of a run, from its metrics.json."""
    task: Task = "classification" if _value(metrics, "test_error_rate") is not None else "regression"
    return Sizes(_length(metrics, PER_EXPERT), _length(metrics, PER_CLASS), task)


def level(name: str, values: Sequence[float], of: Sizes, collapsed: int = 0) -> Summary:
    """The summary of the metric ``name``, which may be one of several numbers: ``metric: name``.

    Args:
        values: one per run, at least one.
        of: the sizes of the runs.
        collapsed: number of the runs that collapsed.
    """
    metric = METRICS.get(name.partition(": ")[0])
    if metric is None:
        return summary(values, collapsed=collapsed)
    bounds = metric.bounds(experts=of.experts or math.inf, classes=of.classes or math.inf, task=of.task)
    if metric.unit == "count" and bounds == (0, 1) and len(values) > 1 and {0, 1}.issuperset(values):
        return rate_summary(values)
    return summary(values, bounds, collapsed=collapsed)


def _length(metrics: Mapping[str, Any], name: str) -> int | None:
    found = _value(metrics, name)
    return len(found) if isinstance(found, list) and found else None


def _value(metrics: Mapping[str, Any], name: str) -> Any:
    entry = metrics.get(name)
    return entry.get("value") if isinstance(entry, dict) else None
