"""Metrics: pure functions of a run's arrays.

They need NumPy only. ``compute(RunArrays.from_run(run))`` computes all of them.
"""

from moe_lab.metrics import (
    ablation,
    agreement,
    attributes,
    balance,
    calibration,
    competence,
    continual,
    cost,
    dynamics,
    geometry,
    information,
    information_bias,
    information_soft,
    interventions,
    language,
    references,
    regression,
    saturation,
    similarity,
)
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.registry import METRICS, Metric, Undefined, compute, elements, metric

__all__ = [
    "METRICS",
    "Metric",
    "RunArrays",
    "Undefined",
    "ablation",
    "agreement",
    "attributes",
    "balance",
    "calibration",
    "competence",
    "compute",
    "continual",
    "cost",
    "dynamics",
    "elements",
    "geometry",
    "information",
    "information_bias",
    "information_soft",
    "interventions",
    "language",
    "metric",
    "references",
    "regression",
    "saturation",
    "similarity",
]
