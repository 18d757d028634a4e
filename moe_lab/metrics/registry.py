"""The register of metrics: functions of a run's arrays, each with its unit, bounds, direction and source.

A metric is one decorated function in a module that ``moe_lab.metrics`` imports:

    @metric(unit="fraction", low=0, high=1, better="lower", source="0-1 loss")
    def test_error_rate(arrays: RunArrays) -> float:
        '''Share of test samples whose class the mixture predicts wrongly.'''

The class of its argument declares what it needs: ``RoutingArrays`` for runs and traces, ``RunArrays`` for runs with
predictions, ``ClassArrays`` for classification, ``NumberArrays`` for regression, ``LayerArrays`` for a layer of a
network, ``NetworkArrays`` for all of its layers together. A bound is a number, None, or a function in
``moe_lab.metrics.bounds``.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_type_hints

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.bounds import Bound
from moe_lab.metrics.formulas import entropy_bits
from moe_lab.metrics.network_arrays import ONE_EXPERT as ONE_EXPERT
from moe_lab.metrics.network_arrays import NetworkArrays
from moe_lab.metrics.predictions import Predictions, TokenPredictions
from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.metrics.stored import Undefined as Undefined
from moe_lab.tasks import TARGETS, Task

#: sd: of the target over the training split; y: the target's own unit; ratio: a plain number that is not a share
Unit = Literal["bits", "nats", "fraction", "ratio", "count", "sd", "y"]
Better = Literal["lower", "higher", "none"]
#: a number; a list, one per expert; or numbers by name, such as by attribute or by pair of experts
Value = float | Sequence[float | None] | Mapping[str, float | None]
#: keeps the type of the registered function
Arrays = TypeVar("Arrays", bound=RoutingArrays | Predictions | TokenPredictions | NetworkArrays)
Found = TypeVar("Found", bound=Value)


@dataclass(frozen=True)
class Metric:
    """A registered metric. ``low`` and ``high`` are its bounds.

    ``null_element`` is the reason for nulls in a list or in numbers by name. ``task`` is the only task that has a value
    (None: both).
    """

    name: str
    unit: Unit
    low: Bound
    high: Bound
    better: Better
    definition: str
    source: str
    #: takes the arrays of ``task``, ClassArrays or NumberArrays; both if it is None
    function: Callable[[Any], Value]
    null_element: str | None
    task: Task | None
    #: the class in the annotation of its argument
    arrays: type

    @property
    def of_routing(self) -> bool:
        """Whether it needs only what every trace has."""
        return self.arrays is RoutingArrays

    @property
    def of_tokens(self) -> bool:
        """Whether it is of language models only."""
        return self.arrays is TokenPredictions

    @property
    def of_networks(self) -> bool:
        """Whether it is only of networks of mixture layers, including language models."""
        return self.of_tokens or issubclass(self.arrays, NetworkArrays)

    @property
    def notes(self) -> str:
        """The rest of its docstring after the definition, in one line, without the marks of code."""
        return " ".join(_docstring(self.function).partition("\n")[2].split())

    @property
    def range(self) -> str:
        """Its bounds as text: 0 to log2 E."""
        ends = [bounds.text(end) for end in (self.low, self.high) if end is not None]
        if len(ends) == 2:
            return " to ".join(ends)
        return "unbounded" if not ends else f"at {'most' if self.low is None else 'least'} {ends[0]}"

    @property
    def group(self) -> str:
        """The name of its module: balance, information, ..."""
        return self.function.__module__.rpartition(".")[2]

    def bounds(
        self,
        *,
        experts: float = math.inf,
        classes: float = math.inf,
        tested: float | None = None,
        task: Task = "classification",
    ) -> tuple[float | None, float | None]:
        """The least and greatest possible value with E experts and C classes, any number of both unless given.

        In regression C is the number of known components or bins. The test split has ``tested`` of the classes, by
        default all. None is no bound.
        """
        sizes = bounds.Sizes(experts, classes, classes if tested is None else tested, task)
        low, high = bounds.value(self.low, sizes), bounds.value(self.high, sizes)
        return low, None if high == math.inf else high

    def serves(self, task: Task) -> bool:
        """Whether the metric can have a value for this task."""
        return self.task in (None, task)

    def entry(self, arrays: RoutingArrays | Predictions | NetworkArrays) -> dict[str, Any]:
        """{"value", "unit"} in plain Python, and "reason" if the value, or an element of it, is null."""
        if self.task is not None and self.task != arrays.task:
            reason = f"the targets are {TARGETS[arrays.task]}, not {TARGETS[self.task]}"
            return {"value": None, "unit": self.unit, "reason": reason}
        try:
            value = _plain(self.function(arrays))
        except Undefined as undefined:
            return {"value": None, "unit": self.unit, "reason": str(undefined)}
        if None in elements(value):
            return {"value": value, "unit": self.unit, "reason": self.null_element}
        return {"value": value, "unit": self.unit}


METRICS: dict[str, Metric] = {}
#: groups of metrics and their titles, in the order of listings; others follow under their own name
TITLES = {
    "competence": "Competence",
    "regression": "Regression",
    "information": "Information",
    "information_soft": "Information, soft weights",
    "information_bias": "Information, bias and chance",
    "agreement": "Agreement with the labels",
    "attributes": "Attributes",
    "references": "Reference decompositions",
    "interventions": "Interventions",
    "similarity": "Similarity of experts",
    "balance": "Balance",
    "dynamics": "Dynamics",
    "continual": "Tasks in a sequence",
    "language": "Language models",
    "geometry": "Geometry of experts, in networks",
    "ablation": "Without experts, in networks",
    "saturation": "Saturation, in networks",
    "calibration": "Calibration",
    "cost": "Cost",
}


def title(group: str) -> str:
    """The title of a group of metrics."""
    return TITLES.get(group, group.replace("_", " ").capitalize())


def _docstring(function: Callable[..., Any]) -> str:
    """The docstring as it is read in reports and terminals, which know no marks of code."""
    return (inspect.getdoc(function) or "").replace("``", "")


def parts_of(name: str) -> tuple[str, str, str]:
    """Layer, metric and key of ``block0.NAME: KEY``, one number of those that a metric has by name; "" if absent."""
    whole, _, key = name.partition(": ")
    layer, _, bare = whole.rpartition(".")
    return layer, bare, key


def by_group(names: Iterable[str]) -> dict[str, list[str]]:
    """Names of metrics by group, in the order of listings.

    A name that is not in the register, such as one of another version, is in the group "other".
    """
    grouped: dict[str, list[str]] = {group: [] for group in TITLES}
    for name in names:
        grouped.setdefault(METRICS[name].group if name in METRICS else "other", []).append(name)
    return {group: inside for group, inside in grouped.items() if inside}


def metric(
    *,
    unit: Unit,
    low: Bound,
    high: Bound,
    better: Better,
    source: str,
    null_element: str | None = None,
    task: Task | None = None,
) -> Callable[[Callable[[Arrays], Found]], Callable[[Arrays], Found]]:
    """Register a function under its own name; the first line of its docstring is the definition.

    Raises: ValueError if the name is taken or the docstring is missing.
    """

    def register(function: Callable[[Arrays], Found]) -> Callable[[Arrays], Found]:
        name = function.__name__
        definition = _docstring(function).partition("\n")[0]
        if name in METRICS or not definition:
            raise ValueError(f"metric {name}: taken already, or no docstring")
        METRICS[name] = Metric(
            name, unit, low, high, better, definition, source, function, null_element, task, _arrays_of(function)
        )
        return function

    return register


def _arrays_of(function: Callable[..., Any]) -> type:
    """The class in the annotation of its argument."""
    argument = next(iter(inspect.signature(function).parameters))
    return get_type_hints(function).get(argument, object)


def compute(arrays: RoutingArrays) -> dict[str, dict[str, Any]]:
    """All registered metrics, in order: name -> {"value", "unit"} and, if the value is null, "reason".

    For a trace only those of routing. moe_lab.metrics.networks computes those of networks. Values are plain
    Python numbers, lists and dicts, never NaN or infinite, so they are valid JSON.
    """
    predicts = isinstance(arrays, RunArrays)
    return {
        name: one.entry(arrays) for name, one in METRICS.items() if one.of_routing or (predicts and not one.of_networks)
    }


def elements(value: Value | None) -> list[float | None]:
    """The numbers in a value: itself, those of its list, or those by name."""
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, Sequence) else [value]


def require_routed(arrays: RoutingArrays) -> None:
    """Raise Undefined if no expert got any test sample."""
    if arrays.routed_count == 0:
        raise Undefined("no expert got any test sample")


def require_choice(arrays: RoutingArrays) -> None:
    """Raise Undefined if there is no choice: only one expert, or no expert got any test sample."""
    require_several_experts(arrays)
    require_routed(arrays)


def require_several_experts(arrays: RoutingArrays) -> None:
    """Raise Undefined if there is only one expert."""
    if arrays.experts == 1:
        raise Undefined(ONE_EXPERT)


def require_use(arrays: RoutingArrays) -> float:
    """H(load) in bits. Raise Undefined if it is zero, that is if one expert has every sample."""
    usage_bits = float(entropy_bits(arrays.load_E))
    if usage_bits == 0:
        raise Undefined("H(load) is 0: one expert is the arg-max of every routed test sample")
    return usage_bits


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {str(name): _plain(element) for name, element in value.items()}
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float) and not math.isfinite(number):
        raise Undefined(f"its value is {number}")
    return number
