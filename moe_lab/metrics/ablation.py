"""What the experts of a network's mixture layers are needed for: the loss without them, as ablation.npz holds it.

Axes: L mixture layers, E experts, N samples that were evaluated again, C classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.routing.trace import NONE, LayerTrace, Trace

Entry = dict[str, Any]

#: what is known of each layer, and what it is
ABLATION = {
    "ablation_loss_increase_nats": (
        "loss without the expert minus that with it, the mean over samples weighted by the share of their rows that "
        "select it"
    ),
    "ablation_loss_increase_others_nats": "the same on samples none of whose rows selects it",
    "second_choice_loss_increase_nats": "loss if every row loses its first choice, minus that with it",
}
#: what is known of all layers at once, and what it is
ALL_LAYERS = {
    "shared_disabled_loss_increase_nats": (
        "loss without the shared experts of all layers, with as many more routed experts selected for every row, minus "
        "that with them"
    ),
    "most_used_disabled_loss_increase_nats": (
        "loss without the expert of each layer that most rows select, minus that with it"
    ),
    "top_experts_disabled_loss_increase_nats": (
        "loss if every row loses, in all layers, a share of the experts to which the gate gives the largest "
        "probabilities, minus that with them; by that share"
    ),
}
GAPS = "null for an expert that was not removed or that no row selects, and, of the others, if every sample has it"
NO_SHARED = "the network has no shared experts, or a gate that does not select exactly k experts"
TOO_FEW = "with a sixteenth of the experts disabled fewer than k are left"
BATCH_MATES = "a row depends on its batch-mates, so removing an expert would change those of others, too"


def most_used(layer: LayerTrace) -> np.ndarray:
    """The experts of a layer, those that most rows select first; of equal ones the lower index."""
    return np.argsort(-_selected(layer.experts_TK, layer.experts), kind="stable")


def share_of_rows(trace: Trace, layer: LayerTrace, document_N: np.ndarray) -> np.ndarray:
    """The share of a document's rows that select an expert, [N, E], of these documents."""
    place_D = np.full(trace.documents, NONE)
    place_D[document_N] = np.arange(len(document_N))
    place_T = place_D[trace.document_T]
    here_T, experts = place_T != NONE, layer.experts
    cell_TK = np.where(layer.experts_TK == NONE, NONE, place_T[:, None] * experts + layer.experts_TK)[here_T]
    count_NE = _selected(cell_TK, len(document_N) * experts).reshape(-1, experts)
    return count_NE / np.bincount(place_T[here_T], minlength=len(document_N))[:, None]


def _selected(experts_TK: np.ndarray, experts: int) -> np.ndarray:
    """Slots by expert."""
    return np.bincount(experts_TK[experts_TK != NONE].astype(np.int64), minlength=experts)


def increase(arrays: Mapping[str, np.ndarray], layer: int, experts: int) -> np.ndarray:
    """By how much the loss of a sample rises without an expert of a layer, [E, N] in nats."""
    return arrays["removed_loss"][layer, :experts].astype(np.float64) - arrays["loss"].astype(np.float64)


def increase_by_class(increase_EN: np.ndarray, label_N: np.ndarray, classes: int) -> np.ndarray:
    """The mean of ``increase`` over the samples of each class, [E, C]; NaN for a class without samples."""
    member_NC = label_N[:, None] == np.arange(classes)
    with np.errstate(invalid="ignore"):
        return increase_EN @ member_NC / member_NC.sum(0)


def ablation_metrics(trace: Trace, arrays: Mapping[str, np.ndarray] | None) -> dict[str, dict[str, Entry]]:
    """Layer -> each name of ABLATION -> {"value", "unit"} and, where there is none, "reason".

    arrays: of ablation.npz; None if it was not made.
    """
    return {layer.name: _of_layer(trace, number, arrays) for number, layer in enumerate(trace.layers)}


def all_layers_metrics(trace: Trace, arrays: Mapping[str, np.ndarray] | None) -> dict[str, Entry]:
    """Each name of ALL_LAYERS -> {"value", "unit"} and, if there is none, "reason". ``arrays`` as for
    ``ablation_metrics``.

    Source: Dai et al. 2024, DeepSeekMoE, arXiv:2401.06066, section 4.5.
    """
    if arrays is None:
        reason = ONE_EXPERT if all(layer.experts == 1 for layer in trace.layers) else BATCH_MATES
        return {name: _undefined(reason) for name in ALL_LAYERS}
    shared, most_used, top = ALL_LAYERS
    loss_N = arrays["loss"].astype(np.float64)
    top_S = (arrays["top_disabled_loss"] - loss_N).mean(1)
    by_share = {f"{share:g}": float(one) for share, one in zip(arrays["top_disabled_share"], top_S, strict=True)}
    return {
        shared: _nats((arrays["shared_disabled_loss"] - loss_N).mean())
        if "shared_disabled_loss" in arrays
        else _undefined(NO_SHARED),
        most_used: _nats((arrays["most_used_disabled_loss"] - loss_N).mean()),
        top: {"value": by_share, "unit": "nats"} if by_share else _undefined(TOO_FEW),
    }


def _of_layer(trace: Trace, number: int, arrays: Mapping[str, np.ndarray] | None) -> dict[str, Entry]:
    layer = trace.layers[number]
    if arrays is None or layer.experts == 1:
        reason = ONE_EXPERT if layer.experts == 1 else BATCH_MATES
        return {name: _undefined(reason) for name in ABLATION}
    share_NE = share_of_rows(trace, layer, arrays["document"])
    increase_EN = increase(arrays, number, layer.experts)
    second_N = arrays["second_choice_loss"][number].astype(np.float64) - arrays["loss"].astype(np.float64)
    values = (_mean(increase_EN, share_NE), _mean(increase_EN, share_NE == 0))
    lists = {name: _entry(value) for name, value in zip(ABLATION, values, strict=False)}
    return lists | {"second_choice_loss_increase_nats": _nats(second_N.mean())}


def _nats(value: float) -> Entry:
    return {"value": float(value), "unit": "nats"}


def _undefined(reason: str) -> Entry:
    return {"value": None, "unit": "nats", "reason": reason}


def _mean(value_EN: np.ndarray, weight_NE: np.ndarray) -> list[float | None]:
    """The weighted mean of each expert; None without weight, and for an expert that was not removed."""
    total_E = weight_NE.sum(0)
    means = (value_EN * weight_NE.T).sum(1) / np.where(total_E > 0, total_E, np.nan)
    return [float(one) if np.isfinite(one) else None for one in means]


def _entry(value: list[float | None]) -> Entry:
    return {"value": value, "unit": "nats"} | ({"reason": GAPS} if None in value else {})
