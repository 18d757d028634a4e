"""One layer and one label of a trace as arrays for the metrics of routing; and the trace of a run of one mixture.

Axes: N rows that have the label, M of them routed, K slots, E experts, C values of the label.
"""

from functools import cached_property
from typing import Any, TypedDict

import numpy as np

from moe_lab.errors import RunError
from moe_lab.metrics.arrays import NumberArrays, RunArrays, normalized
from moe_lab.metrics.attribute_tables import attribute_labels
from moe_lab.metrics.formulas import entropy_bits
from moe_lab.metrics.null import named_generator
from moe_lab.metrics.registry import compute
from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.metrics.stored import Undefined
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace
from moe_lab.store.trace import SAMPLE

#: the name of the only layer of a run of one mixture
MIXTURE = "mixture"


class TraceArrays(RoutingArrays):
    """The rows of a trace that have ``label``, in one layer; without a label all rows, as one class.

    The arg-max expert of a row is that of its largest weight, or its first choice if the trace has no weights. No dense
    table of rows and experts is made. Raises RunError if there is no such layer or label, or no row has the label.
    """

    def __init__(self, trace: Trace, layer: str, label: str | None = None) -> None:
        self._layer = trace.layer(layer)
        of_rows = trace.label(label) if label is not None else _one_class(trace.rows)
        self._kept_T = of_rows.value != NONE
        if not self._kept_T.any():
            raise RunError(f"no row has the label {label!r}")
        self._class_N = of_rows.value[self._kept_T]
        self._class_names = of_rows.names
        self._experts_NK = self._layer.experts_TK[self._kept_T]

    @property
    def experts(self) -> int:
        return self._layer.experts

    @property
    def classes(self) -> int:
        return len(self._class_names)

    @property
    def class_N(self) -> np.ndarray:
        return self._class_N

    @property
    def class_names(self) -> tuple[str, ...]:
        return self._class_names

    @cached_property
    def expert_N(self) -> np.ndarray:
        if self._layer.weights_TK is not None:
            slot_N1 = self._weights_NK.argmax(1, keepdims=True)
            chosen_N = np.take_along_axis(self._experts_NK, slot_N1, 1)[:, 0]
            return np.where((self._weights_NK > 0).any(1), chosen_N, NONE).astype(np.int64)
        if self._layer.ranked:
            return self._experts_NK[:, 0].astype(np.int64)
        raise Undefined("the selected experts have neither an order nor weights, so the first choice is not known")

    @cached_property
    def usage_E(self) -> np.ndarray:
        return self._summed_E(np.zeros(self.routed_count, dtype=np.int64), 1)[:, 0] / self.routed_count

    @cached_property
    def weight_entropy_M(self) -> np.ndarray:
        return entropy_bits(self._normalized_MK)

    @cached_property
    def label_weights_EC(self) -> np.ndarray:
        return self._summed_E(self.class_N[self.routed_N], self.classes)

    @cached_property
    def router_entropy(self) -> np.ndarray:
        if self._layer.entropy_T is None:
            raise Undefined("the trace has no full distribution of every row")
        entropy_N = self._layer.entropy_T[self._kept_T].astype(np.float64)
        return entropy_N[~np.isnan(entropy_N)]

    @cached_property
    def router_variance(self) -> np.ndarray:
        if self._layer.probs_SE is None or self._layer.sample_S is None:
            raise Undefined("the trace has no full distribution of any row")
        probs_SE = self._layer.probs_SE[self._kept_T[self._layer.sample_S]].astype(np.float64)
        variance_S: np.ndarray = probs_SE[(probs_SE > 0).any(1)].var(1, ddof=1)
        return variance_S

    @property
    def selected_N(self) -> np.ndarray:
        return (self._experts_NK != NONE).sum(1)

    @cached_property
    def together_EE(self) -> np.ndarray:
        together = np.zeros(self.experts**2, dtype=np.int64)
        for first_N in self._experts_NK.T:
            for second_N in self._experts_NK.T:
                both = (first_N != NONE) & (second_N != NONE)
                pair = first_N[both].astype(np.int64) * self.experts + second_N[both]
                together += np.bincount(pair, minlength=self.experts**2)
        return together.reshape(self.experts, self.experts)

    @property
    def _weights_NK(self) -> np.ndarray:
        if self._layer.weights_TK is None:
            raise Undefined("the trace has no weights")
        return self._layer.weights_TK[self._kept_T]

    @cached_property
    def _normalized_MK(self) -> np.ndarray:
        return normalized(self._weights_NK[self.routed_N])

    def _summed_E(self, column_M: np.ndarray, values: int) -> np.ndarray:
        """Normalized weights summed by expert and by the values of a column, [E, values]."""
        experts_MK = self._experts_NK[self.routed_N]
        filled = experts_MK != NONE
        cell = experts_MK.astype(np.int64) * values + column_M[:, None]
        summed = np.bincount(cell[filled], self._normalized_MK[filled], self.experts * values)
        return summed.reshape(self.experts, values)


def compute_layers(trace: Trace, label: str | None = None) -> dict[str, dict[str, Any]]:
    """Every metric of routing over the layers of a trace.

    It is name -> {"value", "unit"}, and "reason" if a layer's value or an element of it is null. Value and reason are
    by layer name. Raises RunError as TraceArrays does.
    """
    found = {layer.name: compute(TraceArrays(trace, layer.name, label)) for layer in trace.layers}
    return {
        name: _over_layers({layer: one[name] for layer, one in found.items()}) for name in found[trace.layers[0].name]
    }


def _over_layers(entries: dict[str, dict[str, Any]]) -> dict[str, Any]:
    unit = next(iter(entries.values()))["unit"]
    reasons = {layer: entry["reason"] for layer, entry in entries.items() if "reason" in entry}
    values = {layer: entry["value"] for layer, entry in entries.items()}
    return {"value": values, "unit": unit, **({"reason": reasons} if reasons else {})}


def trace_of(arrays: RunArrays) -> Trace:
    """The trace of a run of one mixture: one layer, whose documents are the test samples.

    Its labels are the Y of I(E;Y), and the attributes of the samples.
    """
    target = {_target_of(arrays): Labels(value=arrays.class_N, names=arrays.class_names)}
    return Trace(
        layers=(layer_trace(MIXTURE, arrays.probs_NE, arrays.weights_NE, arrays.selected_NE),),
        document_T=np.arange(arrays.samples),
        # the class is an attribute, too
        document_labels=target | {name: one for name, one in _attributes(arrays).items() if name not in target},
        source="the test split of a run of one mixture",
    )


def _attributes(arrays: RunArrays) -> dict[str, Labels]:
    try:
        return attribute_labels(arrays)
    except Undefined:
        return {}


def _target_of(arrays: RunArrays) -> str:
    if not isinstance(arrays, NumberArrays):
        return "class"
    return "tenth" if arrays.component_N is None else "component"


def layer_trace(name: str, probs_TE: np.ndarray, weights_TE: np.ndarray, selected_TE: np.ndarray) -> LayerTrace:
    """The trace of a layer from its gate's decisions.

    Slots are in falling order of weight, ties by index. An expert that was selected with weight zero has a slot, too.
    """
    selected_TE = selected_TE | (weights_TE > 0)
    slots = max(1, int(selected_TE.sum(1).max()))
    # selected experts before all others, by weight; sorting is stable, so ties keep their order
    order_TE = np.lexsort((-weights_TE, ~selected_TE), axis=1)[:, :slots]
    filled_TK = np.take_along_axis(selected_TE, order_TE, 1)
    weights_TK = np.where(filled_TK, np.take_along_axis(weights_TE, order_TE, 1), 0)
    return LayerTrace(
        name=name,
        experts=weights_TE.shape[1],
        experts_TK=np.where(filled_TK, order_TE, NONE),
        weights_TK=weights_TK.astype(weights_TE.dtype),
        **distributions(probs_TE),
    )


class Distributions(TypedDict, total=False):
    """Arguments of LayerTrace for the probabilities or logits."""

    sample_S: np.ndarray
    probs_SE: np.ndarray
    logits_SE: np.ndarray
    usage_E: np.ndarray
    entropy_T: np.ndarray


def distributions(probs_TE: np.ndarray) -> Distributions:
    """The part of all rows' probabilities that a LayerTrace stores.

    It is a sample of at most SAMPLE rows, which depends only on the number of rows; the mean of the rows that are not
    zero; and the entropy of each row. Empty if all rows are zero.
    """
    has_T = np.any(probs_TE > 0, axis=1)
    if not has_T.any():
        return {}
    entropy_T = np.full(len(probs_TE), np.nan)
    entropy_T[has_T] = entropy_bits(probs_TE[has_T])
    sample_S = _sampled(len(probs_TE))
    usage_E = probs_TE.mean(0, dtype=np.float64, where=has_T[:, None])
    return {"sample_S": sample_S, "probs_SE": probs_TE[sample_S], "usage_E": usage_E, "entropy_T": entropy_T}


def sampled_logits(logits_TE: np.ndarray) -> Distributions:
    """A sample of the rows' logits only, since the link to probabilities (softmax, sigmoid) is not known."""
    sample_S = _sampled(len(logits_TE))
    return {"sample_S": sample_S, "logits_SE": logits_TE[sample_S]}


def _sampled(rows: int) -> np.ndarray:
    return np.sort(named_generator("rows of a trace").choice(rows, min(rows, SAMPLE), replace=False))


def _one_class(rows: int) -> Labels:
    return Labels(value=np.zeros(rows, dtype=np.int32), names=("all rows",))
