"""Ablation of the experts of a network's mixture layers: the loss without them, from ablation.npz (docs/networks.md).

Axes: L mixture layers, E experts, N samples that were evaluated again, C classes.
"""

import numpy as np

from moe_lab.metrics.network_arrays import Arrays, LayerArrays, NetworkArrays
from moe_lab.metrics.registry import Undefined, metric
from moe_lab.routing.trace import NONE, LayerTrace, Trace

SOURCE = "ablation, Meyes et al. 2019, arXiv:1901.08644"
DEEPSEEK = "Dai et al. 2024, DeepSeekMoE, arXiv:2401.06066, section 4.5"
GAPS = "null for an expert that was not removed, or that no row selects (own) or every sample has (others)"


def most_used(layer: LayerTrace) -> np.ndarray:
    """The experts of a layer by the number of rows that select them, the most first; ties by index."""
    return np.argsort(-_selected(layer.experts_TK, layer.experts), kind="stable")


def share_of_rows(trace: Trace, layer: LayerTrace, document_N: np.ndarray) -> np.ndarray:
    """The share of each document's rows that select each expert, [N, E]."""
    place_D = np.full(trace.documents, NONE)
    place_D[document_N] = np.arange(len(document_N))
    place_T = place_D[trace.document_T]
    here_T, experts = place_T != NONE, layer.experts
    cell_TK = np.where(layer.experts_TK == NONE, NONE, place_T[:, None] * experts + layer.experts_TK)[here_T]
    count_NE = _selected(cell_TK, len(document_N) * experts).reshape(-1, experts)
    return count_NE / np.bincount(place_T[here_T], minlength=len(document_N))[:, None]


def _selected(experts_TK: np.ndarray, experts: int) -> np.ndarray:
    """The number of slots of each expert."""
    return np.bincount(experts_TK[experts_TK != NONE].astype(np.int64), minlength=experts)


def increase(arrays: Arrays, layer: int, experts: int) -> np.ndarray:
    """The increase of each sample's loss without each expert of a layer, [E, N] in nats."""
    return arrays["removed_loss"][layer, :experts].astype(np.float64) - arrays["loss"].astype(np.float64)


def increase_by_class(increase_EN: np.ndarray, label_N: np.ndarray, classes: int) -> np.ndarray:
    """The mean of ``increase`` over the samples of each class, [E, C]; NaN for a class without samples."""
    member_NC = label_N[:, None] == np.arange(classes)
    with np.errstate(invalid="ignore"):
        return increase_EN @ member_NC / member_NC.sum(0)


@metric(unit="nats", low=None, high=None, better="none", source=SOURCE, null_element=GAPS)
def ablation_loss_increase_nats(arrays: LayerArrays) -> list[float | None]:
    """For each expert of a layer, test loss without it minus with it, a mean over the samples that it is selected for.

    Samples are weighted by the share of their rows that select the expert. The gate selects again among the others.
    """
    stored, share_NE = _stored(arrays)
    return _mean(increase(stored, arrays.number, arrays.layer.experts), share_NE)


@metric(unit="nats", low=None, high=None, better="none", source=SOURCE, null_element=GAPS)
def ablation_loss_increase_others_nats(arrays: LayerArrays) -> list[float | None]:
    """For each expert of a layer, test loss without it minus with it, on samples none of whose rows selects it."""
    stored, share_NE = _stored(arrays)
    return _mean(increase(stored, arrays.number, arrays.layer.experts), share_NE == 0)


@metric(unit="nats", low=None, high=None, better="none", source=SOURCE)
def second_choice_loss_increase_nats(arrays: LayerArrays) -> float:
    """Test loss if every row of a layer loses its first choice, minus that with it."""
    stored, _ = _stored(arrays)
    return _increase(stored, stored["second_choice_loss"][arrays.number])


@metric(unit="nats", low=None, high=None, better="none", source=DEEPSEEK)
def shared_disabled_loss_increase_nats(arrays: NetworkArrays) -> float:
    """Test loss without the shared experts of all layers, with as many more routed ones, minus that with them.

    Every row selects as many more routed experts as there were shared ones, up to all of them.
    """
    stored = _of_all_layers(arrays)
    if "shared_disabled_loss" not in stored:
        raise Undefined("the network has no shared experts, or a gate that does not select exactly k experts")
    return _increase(stored, stored["shared_disabled_loss"])


@metric(unit="nats", low=None, high=None, better="none", source=DEEPSEEK)
def most_used_disabled_loss_increase_nats(arrays: NetworkArrays) -> float:
    """Test loss without the expert of each layer that most rows select, in all layers at once, minus that with it."""
    stored = _of_all_layers(arrays)
    return _increase(stored, stored["most_used_disabled_loss"])


@metric(unit="nats", low=None, high=None, better="none", source=DEEPSEEK)
def top_experts_disabled_loss_increase_nats(arrays: NetworkArrays) -> dict[str, float]:
    """By share of the experts, test loss if every row loses its most probable ones in all layers, minus that with them.

    These are the experts with the gate's largest probabilities for the row: one to four sixteenths of a layer's
    experts, rounded up, with the resulting share as the name. The gate selects again among the others.
    """
    stored = _of_all_layers(arrays)
    shares = stored["top_disabled_share"].tolist()
    if not shares:
        raise Undefined("with a sixteenth of the experts disabled, fewer than k are left")
    by_share = zip(shares, stored["top_disabled_loss"], strict=True)
    return {f"{share:g}": _increase(stored, loss_N) for share, loss_N in by_share}


@metric(unit="nats", low=None, high=None, better="none", source="Wang, Bhagia and Min 2026, EMO, arXiv:2605.06663")
def retention_loss_increase_nats(arrays: NetworkArrays) -> dict[str, float]:
    """By share of the experts, test loss with only those that samples of the same class select most, minus the loss.

    In a language model those that tokens of the same domain select most. In all layers at once; the shares are an
    eighth, a quarter and a half of a layer's experts, rounded up, and at least k experts.
    """
    arrays.require_several_experts()
    stored, kept = arrays.file("ablation"), arrays.file("retention")
    by_share = zip(kept["share"].tolist(), kept["kept_loss"], strict=True)
    return {f"{share:g}": _increase(stored, loss_N) for share, loss_N in by_share}


def _stored(arrays: LayerArrays) -> tuple[Arrays, np.ndarray]:
    """The arrays of ablation.npz, and ``share_of_rows`` of their samples."""
    arrays.require_several_experts()
    stored = arrays.file("ablation")
    return stored, share_of_rows(arrays.trace, arrays.layer, stored["document"])


def _of_all_layers(arrays: NetworkArrays) -> Arrays:
    arrays.require_several_experts()
    return arrays.file("ablation")


def _increase(stored: Arrays, loss_N: np.ndarray) -> float:
    return float((loss_N.astype(np.float64) - stored["loss"]).mean())


def _mean(value_EN: np.ndarray, weight_NE: np.ndarray) -> list[float | None]:
    """The weighted mean of each expert; None for a weight of zero, and for an expert that was not removed."""
    total_E = weight_NE.sum(0)
    means = (value_EN * weight_NE.T).sum(1) / np.where(total_E > 0, total_E, np.nan)
    return [float(one) if np.isfinite(one) else None for one in means]
