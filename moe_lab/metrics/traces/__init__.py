"""Measures of a trace: pure functions of its routing, with a null that permutes documents."""

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.geometry import router_geometry
from moe_lab.metrics.traces.measure import compare_models, compare_steps, measure, measure_counts
from moe_lab.metrics.traces.measured import MEASURES, Measure, Measured

__all__ = [
    "MEASURES",
    "Measure",
    "Measured",
    "Undefined",
    "compare_models",
    "compare_steps",
    "measure",
    "measure_counts",
    "router_geometry",
]
