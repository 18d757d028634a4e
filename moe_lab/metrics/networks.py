"""The metrics of a network of mixture layers: its predictions, and the routing of each layer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from moe_lab.errors import given
from moe_lab.metrics.competence import (
    classes_never_answered,
    test_error_rate,
    test_loss_nats,
    worst_class_error_rate,
)
from moe_lab.metrics.computing import computing_metrics
from moe_lab.metrics.cost import multiply_adds_active, multiply_adds_total, parameters_active, parameters_total
from moe_lab.metrics.language import OF_A_LAYER, OF_PREDICTIONS
from moe_lab.metrics.network_arrays import LayerArrays, NetworkArrays
from moe_lab.metrics.predictions import Predictions, TokenPredictions
from moe_lab.metrics.registry import METRICS, Value, compute
from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.metrics.trace_arrays import TraceArrays
from moe_lab.routing.trace import Labels, Trace
from moe_lab.tasks import Task

Files = Mapping[str, Mapping[str, np.ndarray]]
Entries = dict[str, dict[str, Any]]
#: metrics that need only predictions and costs
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
#: the labels that the routing of a network, and of a language model, is compared with
LABEL, TOKEN_LABEL = "class", "domain"
#: the name of the token itself among the labels of rows
TOKEN = "token"
#: the names of I(E;Y)/H(load), and of the same by attribute
SHARE, FOLLOWED = METRICS["information_per_usage"], "attribute_information_per_usage"
#: arrays of test.npz about the best prediction
KNOWN = ("bayes_loss", "bayes_domain", "entropy_rate_nats")
#: metrics of a language model; its classes are the possible next tokens
OF_A_LANGUAGE_MODEL = tuple(
    one for one in OF_THE_NETWORK if one not in (worst_class_error_rate, classes_never_answered)
)


@dataclass(frozen=True, eq=False)
class NetworkPredictions:
    """A network's predictions of its test split, and its costs."""

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


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenArrays(NetworkPredictions):
    """Axes and units are those of TokenPredictions."""

    unit: str
    routing: RoutingArrays
    token_N: np.ndarray
    document_N: np.ndarray
    place_N: np.ndarray
    place_names: tuple[str, ...]
    known: Mapping[str, np.ndarray]


def network_metrics(trace: Trace, files: Files) -> Entries:
    """name -> {"value", "unit"} and, if the value is null, "reason".

    Metrics of routing compare rows with their sample's class, in a language model with their domain. Plain names are of
    the last mixture layer, as those of a single mixture; names with a prefix such as ``block0.`` are of that layer.
    """
    routing = {layer.name: TraceArrays(trace, layer.name, label_of(trace)) for layer in trace.layers}
    samples = by_sample(trace, files)
    of_layers = {layer.name: LayerArrays(samples, files, number) for number, layer in enumerate(trace.layers)}
    computing = computing_metrics(trace, files["costs"])
    by_layer = {
        layer: compute(arrays) | _followed(trace, layer) | _own(of_layers[layer]) | computing.get(layer, {})
        for layer, arrays in routing.items()
    }
    predictions = _predictions(files)
    if is_of_tokens(trace):
        tokens = {layer: _tokens(trace, arrays, files) for layer, arrays in routing.items()}
        metrics = _entries(OF_A_LANGUAGE_MODEL, predictions) | _entries(OF_PREDICTIONS, next(iter(tokens.values())))
        by_layer = {layer: _entries(OF_A_LAYER, tokens[layer]) | found for layer, found in by_layer.items()}
    else:
        metrics = _entries(OF_THE_NETWORK, predictions)
    metrics |= by_layer[trace.layers[-1].name] | _own(NetworkArrays(samples, files))
    return metrics | {f"{layer}.{name}": one for layer, found in by_layer.items() for name, one in found.items()}


def label_of(trace: Trace) -> str:
    """The label that routing is compared with: the class of a row's sample, or the domain of a token."""
    return TOKEN_LABEL if is_of_tokens(trace) else LABEL


def is_of_tokens(trace: Trace) -> bool:
    """Whether the rows of a network's trace are the tokens of a language model."""
    return trace.token_id_T is not None


def by_sample(trace: Trace, files: Files) -> Trace:
    """The trace, whose documents are the samples of the test split in their order; of a language model the windows."""
    if not is_of_tokens(trace):
        return trace
    _, sample_T = np.unique(files["test"]["sample_index"], return_inverse=True)
    return replace(trace, document_T=sample_T.reshape(-1), document_labels={})


def _token_ids(trace: Trace) -> np.ndarray:
    return given(trace.token_id_T, "the tokens of a language model")


def _entries(metrics: Sequence[Callable[..., Value]], arrays: Predictions | TokenPredictions) -> Entries:
    return {one.__name__: METRICS[one.__name__].entry(arrays) for one in metrics}


def _own(arrays: NetworkArrays) -> Entries:
    """The metrics registered with these arrays: those of a layer, or of all layers at once."""
    return {name: one.entry(arrays) for name, one in METRICS.items() if one.arrays is type(arrays)}


def _predictions(files: Files) -> NetworkPredictions:
    test, costs = files["test"], files["costs"]
    return NetworkPredictions(
        test["label"],
        test["prediction"],
        -test["loss"].astype(np.float64),
        len(test["class_names"]),
        int(costs["parameters_total"]),
        int(costs["parameters_active"]),
        int(costs["multiply_adds_total"]),
        int(costs["multiply_adds_active"]),
    )


def _tokens(trace: Trace, routing: TraceArrays, files: Files) -> TokenArrays:
    place = trace.row_labels["position"]
    facts = vars(_predictions(files))
    known = {name: files["test"][name] for name in KNOWN if name in files["test"]}
    return TokenArrays(
        **facts,
        unit=str(files["test"]["unit"]),
        routing=routing,
        token_N=_token_ids(trace),
        document_N=trace.document_T,
        place_N=place.value,
        place_names=place.names,
        known=known,
    )


def _followed(trace: Trace, layer: str) -> Entries:
    """I(E;A)/H(load) of a layer for every label A of its rows and documents; in a language model also for the token."""
    if is_of_tokens(trace):
        token = Labels(value=_token_ids(trace), names=tuple(map(str, range(int(_token_ids(trace).max()) + 1))))
        trace = replace(trace, row_labels={TOKEN: token, **trace.row_labels})
    found = {label: SHARE.entry(TraceArrays(trace, layer, label)) for label in trace.label_names}
    values = {label: entry["value"] for label, entry in found.items()}
    reason = next((entry["reason"] for entry in found.values() if "reason" in entry), None)
    return {FOLLOWED: {"value": values, "unit": SHARE.unit, **({"reason": reason} if reason else {})}}
