"""Metrics: pure functions of a run's arrays, in NumPy alone. ``compute(RunArrays.from_run(run))`` gives all of them."""

from moe_lab.metrics import (
    attributes,
    balance,
    competence,
    cost,
    information,
    interventions,
    references,
    regression,
    similarity,
)
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.registry import METRICS, Metric, Undefined, compute, elements, metric

__all__ = [
    "METRICS",
    "Metric",
    "RunArrays",
    "Undefined",
    "attributes",
    "balance",
    "competence",
    "compute",
    "cost",
    "elements",
    "information",
    "interventions",
    "metric",
    "references",
    "regression",
    "similarity",
]
