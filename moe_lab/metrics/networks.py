"""The metrics of a network of mixture layers: of its predictions, and of the routing of each layer."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from moe_lab.metrics.ablation import ablation_metrics
from moe_lab.metrics.competence import (
    classes_never_answered,
    test_error_rate,
    test_loss_nats,
    worst_class_error_rate,
)
from moe_lab.metrics.cost import multiply_adds_active, multiply_adds_total, parameters_active, parameters_total
from moe_lab.metrics.registry import METRICS, compute
from moe_lab.metrics.trace_arrays import TraceArrays
from moe_lab.routing.trace import Trace
from moe_lab.tasks import Task

#: metrics that need no more than predictions and costs
OF_THE_NETWORK = (
    test_error_rate,
    worst_class_error_rate,
    classes_never_answered,
    test_loss_nats,
    parameters_total,
    parameters_active,
    multiply_adds_total,
    multiply_adds_active,
)
#: what a network's routing is measured against
LABEL = "class"
#: I(E;Y)/H(load), and the same by attribute
SHARE, FOLLOWED = METRICS["information_per_usage"], "attribute_information_per_usage"


@dataclass(frozen=True, eq=False)
class NetworkPredictions:
    """What a network said of its test split, and what it costs."""

    label_N: np.ndarray
    prediction_N: np.ndarray
    log_likelihood_N: np.ndarray
    classes: int
    parameters_total: int
    parameters_active: int
    multiply_adds_total: int
    multiply_adds_active: int

    task: ClassVar[Task] = "classification"

    @cached_property
    def tested_C(self) -> np.ndarray:
        return np.bincount(self.label_N, minlength=self.classes) > 0

    @property
    def samples(self) -> int:
        return len(self.label_N)


def network_metrics(trace: Trace, files: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, dict[str, Any]]:
    """name -> {"value", "unit"} and, where the value is null, "reason".

    Metrics of routing are of rows against their sample's class. Under their own names they are those of the last
    mixture layer, so that they stand beside those of one mixture, and after ``block0.`` those of that layer.
    """
    test, costs = files["test"], files["costs"]
    predictions = NetworkPredictions(
        test["label"],
        test["prediction"],
        -test["loss"].astype(np.float64),
        len(test["class_names"]),
        int(costs["parameters_total"]),
        int(costs["parameters_active"]),
        int(costs["multiply_adds_total"]),
        int(costs["multiply_adds_active"]),
    )
    metrics = {one.__name__: METRICS[one.__name__].entry(predictions) for one in OF_THE_NETWORK}
    ablated = ablation_metrics(trace, files.get("ablation"))
    by_layer = {
        name: compute(TraceArrays(trace, name, LABEL)) | _followed(trace, name) | ablated[name] for name in ablated
    }
    metrics |= by_layer[trace.layers[-1].name]
    return metrics | {f"{layer}.{name}": one for layer, found in by_layer.items() for name, one in found.items()}


def _followed(trace: Trace, layer: str) -> dict[str, dict[str, Any]]:
    """I(E;A)/H(load) of a layer for every label A of its rows and documents."""
    found = {label: SHARE.entry(TraceArrays(trace, layer, label)) for label in trace.label_names}
    values = {label: entry["value"] for label, entry in found.items()}
    reason = next((entry["reason"] for entry in found.values() if "reason" in entry), None)
    return {FOLLOWED: {"value": values, "unit": SHARE.unit, **({"reason": reason} if reason else {})}}
