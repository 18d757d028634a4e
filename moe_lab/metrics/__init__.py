"""Metrics: pure functions of a run's arrays, in NumPy alone. ``compute(RunArrays.from_run(run))`` gives all of them."""

from moe_lab.metrics import (
    agreement,
    balance,
    calibration,
    competence,
    cost,
    dynamics,
    information,
    information_bias,
    information_soft,
    regression,
)
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.registry import METRICS, Metric, Undefined, compute, elements, metric

__all__ = [
    "METRICS",
    "Metric",
    "RunArrays",
    "Undefined",
    "agreement",
    "balance",
    "calibration",
    "competence",
    "compute",
    "cost",
    "dynamics",
    "elements",
    "information",
    "information_bias",
    "information_soft",
    "metric",
    "regression",
]
