"""The loss of a network with some experts of one mixture layer removed: a single expert, all but the most used, or
every row's first choice. And with experts of all layers disabled at once: the shared ones, the most used one of each
layer, or every row's likeliest ones.

Axes: L mixture layers, E experts of the layer with most of them, N samples, T rows of a batch, S shares.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Split, batches, spread_rows, taken
from moe_lab.layers.noise import Noise, NoiseByLayer
from moe_lab.metrics.ablation import most_used
from moe_lab.mixture.mixture import Constrain
from moe_lab.models.blocks import shared_experts_of, without_shared
from moe_lab.models.network import Network
from moe_lab.parts.roles import Gate
from moe_lab.parts.stepped import SteppedGate
from moe_lab.routing.choice import ranks
from moe_lab.routing.decision import Routing
from moe_lab.routing.trace import NONE, Trace
from moe_lab.routing.values import NetworkOutput

Arrays = dict[str, np.ndarray]

#: most test samples that are evaluated again, evenly spaced; for windows of tokens, most tokens
MOST_SAMPLES, MOST_TOKENS = 2000, 32_000
#: most forward passes of these samples, in all layers together, with an expert removed, and with only some kept
MOST_REMOVALS, MOST_KEPT = 64, 64
#: sixteenths of a layer's experts that are disabled, those of the largest probability in each row
SIXTEENTHS = (1, 2, 3, 4)


@torch.no_grad()
def ablation(network: Network, test: Split, noise: NoiseByLayer, trace: Trace) -> Arrays:
    """The arrays of ablation.npz. With experts removed, the gate selects again among the others (``Gate.without``).

    document:           [N] the samples, by their number in the test split, which is that in the trace; of a language
                        model they are windows (moe_lab.metrics.networks.by_sample).
    loss:               [N] of the whole network, -log q(y) in nats, as all losses here; float32.
    removed_loss:       [L, E, N] without an expert. With more than MOST_REMOVALS experts in all layers together, of
                        each layer those that most rows select; NaN for the others.
    second_choice_loss: [L, N] with every row's first choice, its expert of the largest weight, removed.
    kept_expert:        [L, E] the experts of a layer, those first that most rows select; -1 beyond its E.
    kept_loss:          [L, E] the mean loss with the first m = 1 .. E of these alone, float64. With more than MOST_KEPT
                        experts in all layers together, for fewer m, spaced by equal factors; NaN for the others.
    kept_error_rate:    [L, E] the share of predictions that are wrong then.

    Of all layers at once (Dai et al. 2024, DeepSeekMoE, arXiv:2401.06066, section 4.5):

    shared_disabled_loss:    [N] without the shared experts, and with as many more routed experts selected for every row
                             as these were. Absent without shared experts, and if a gate does not select exactly k.
    most_used_disabled_loss: [N] without the expert of each layer that most rows select.
    top_disabled_share:      [S] the share of a layer's experts, rounded up from sixteenths, that is disabled for
                             every row: those to which its gate gives the largest probabilities. Shares that leave fewer
                             than k experts are left out.
    top_disabled_loss:       [S, N] with these disabled.

    Empty if a row depends on its batch-mates, because it would change with them, or if no layer has several experts.

    Args:
        noise: every pass over a batch draws the same numbers.
        trace: of the whole test split.
    """
    network.eval()
    if network.batch_dependent or all(layer.experts == 1 for layer in trace.layers):
        return {}
    order = {layer.name: most_used(layer) for layer in trace.layers}
    passes = {one: _constrained(one, network, noise, order) for one in _planned(network, order)}
    most = max(1, MOST_TOKENS // network.places) if network.reads_tokens else MOST_SAMPLES
    document_N = spread_rows(test, most)
    found: dict[Pass | None, list[Outcome]] = {one: [] for one in (None, *passes)}
    for x_BD, y_B in batches(taken(test, document_N), False, 0, network.numbers):
        begin = noise.state()
        found[None].append(_outcome(network(x_BD, noise), y_B))
        end = noise.state()
        for one, constrain in passes.items():
            noise.restore(begin)
            with without_shared(network) if one.what == "shared" else nullcontext():
                found[one].append(_outcome(network(x_BD, noise, constrain), y_B))
        noise.restore(end)
    together = {
        one: (torch.cat([loss for loss, _ in parts]), torch.cat([wrong for _, wrong in parts]))
        for one, parts in found.items()
    }
    return {"document": document_N.cpu().numpy().astype(np.int32), **_arrays(order, together)}


@dataclass(frozen=True)
class Pass:
    """A forward pass in which one layer, or all (""), lack experts. ``number``: the removed expert, the number of
    experts kept, of further routed experts in place of shared ones, or of sixteenths."""

    what: Literal["removed", "kept", "second_choice", "shared", "most_used", "top"]
    layer: str = ""
    number: int = 0


#: the loss of each sample of a batch in nats, and whether its class is wrong, or the share of its wrong tokens
Outcome = tuple[Tensor, Tensor]


def _outcome(output: NetworkOutput, y_B: Tensor) -> Outcome:
    return -output.log_likelihood_B(y_B), output.scores(y_B)["errors"]


def _planned(network: Network, order: Mapping[str, np.ndarray]) -> Iterator[Pass]:
    for layer, order_E in order.items():
        if len(order_E) == 1:
            continue
        yield Pass("second_choice", layer)
        yield from (Pass("removed", layer, e) for e in order_E[: MOST_REMOVALS // len(order)].tolist())
        yield from (Pass("kept", layer, m) for m in kept_numbers(len(order_E), MOST_KEPT // len(order)))
    gates = [network.routed[layer].gate for layer, order_E in order.items() if len(order_E) > 1]
    yield Pass("most_used")
    shared = shared_experts_of(network)
    if shared and all(isinstance(gate, SteppedGate) and gate.traits.selects_k for gate in gates):
        yield Pass("shared", number=shared)
    sizes = [gate.sizes for gate in gates]
    disabled = {one: tuple(_disabled(one, size.experts) for size in sizes) for one in SIXTEENTHS}
    left = {
        one: min(size.experts - n - size.k for size, n in zip(sizes, ns, strict=True)) for one, ns in disabled.items()
    }
    # small layers round several sixteenths up to the same number of experts
    of_numbers = {ns: one for one, ns in disabled.items() if left[one] >= 0}
    yield from (Pass("top", number=one) for one in of_numbers.values())


def _disabled(sixteenths: int, experts: int) -> int:
    """How many experts of a layer these are, at least one."""
    return math.ceil(sixteenths * experts / 16)


def kept_numbers(experts: int, most: int) -> list[int]:
    """The numbers of experts that are kept: 1 .. E, or, if these are more than ``most``, numbers that rise by equal
    factors from 1 to E."""
    if experts <= most:
        return list(range(1, experts + 1))
    return np.unique(np.geomspace(1, experts, max(most, 2)).round().astype(int)).tolist()


def _constrained(
    one: Pass, network: Network, noise: NoiseByLayer, order: Mapping[str, np.ndarray]
) -> dict[str, Constrain]:
    """What changes the decision of each layer's gate in a pass."""
    names = [one.layer] if one.layer else [name for name, order_E in order.items() if len(order_E) > 1]
    return {name: _constrain(one, network.routed[name].gate, noise[name], order[name]) for name in names}


def _constrain(one: Pass, gate: Gate, noise: Noise, order_E: np.ndarray) -> Constrain:
    match one.what:
        case "second_choice":
            return partial(_without_first, gate, noise)
        case "shared":
            return partial(_with_more, gate, noise, one.number)
        case "top":
            return partial(_without_top, gate, noise, _disabled(one.number, len(order_E)))
        case "removed":
            gone = [one.number]
        case "most_used":
            gone = [int(order_E[0])]
        case "kept":
            gone = order_E[one.number :].tolist()
    return partial(_without, gate, noise, gone)


def _without(gate: Gate, noise: Noise, gone: Sequence[int], routing: Routing) -> Routing:
    gone_E = torch.zeros_like(routing.selected_BE[0])
    gone_E[list(gone)] = True
    return gate.without(routing, gone_E, noise)


def _without_first(gate: Gate, noise: Noise, routing: Routing) -> Routing:
    """The routing in which every row lacks its own first choice."""
    expert_E = torch.arange(routing.selected_BE.shape[-1], device=routing.selected_BE.device)
    return gate.without(routing, routing.expert_B.unsqueeze(-1) == expert_E, noise)


def _without_top(gate: Gate, noise: Noise, number: int, routing: Routing) -> Routing:
    """The routing in which every row lacks the experts of its largest probabilities."""
    return gate.without(routing, ranks(routing.probs_BE) < number, noise)


def _with_more(gate: Gate, noise: Noise, more: int, routing: Routing) -> Routing:
    if not isinstance(gate, SteppedGate):
        raise TypeError(f"{type(gate).__name__} selects no given number of experts")
    return gate.with_more(routing, more, noise)


def _arrays(order: Mapping[str, np.ndarray], found: Mapping[Pass | None, Outcome]) -> Arrays:
    layers, experts, samples = len(order), max(map(len, order.values())), len(found[None][0])
    arrays = {
        "loss": found[None][0].cpu().numpy(),
        "removed_loss": np.full((layers, experts, samples), np.nan, np.float32),
        "second_choice_loss": np.full((layers, samples), np.nan, np.float32),
        "kept_expert": np.full((layers, experts), NONE, np.int32),
        "kept_loss": np.full((layers, experts), np.nan),
        "kept_error_rate": np.full((layers, experts), np.nan),
    }
    for number, (layer, order_E) in enumerate(order.items()):
        arrays["kept_expert"][number, : len(order_E)] = order_E
        for one, (loss_N, wrong_N) in found.items():
            if one is None or one.layer != layer:
                continue
            if one.what == "kept":
                arrays["kept_loss"][number, one.number - 1] = loss_N.double().mean().item()
                arrays["kept_error_rate"][number, one.number - 1] = wrong_N.double().mean().item()
            elif one.what == "removed":
                arrays["removed_loss"][number, one.number] = loss_N.cpu().numpy()
            else:
                arrays["second_choice_loss"][number] = loss_N.cpu().numpy()
    return arrays | _of_all_layers(order, found)


def _of_all_layers(order: Mapping[str, np.ndarray], found: Mapping[Pass | None, Outcome]) -> Arrays:
    losses = {one: loss_N.cpu().numpy() for one, (loss_N, _) in found.items() if one is not None and not one.layer}
    arrays = {f"{one.what}_disabled_loss": loss_N for one, loss_N in losses.items() if one.what != "top"}
    numbers, samples = [one.number for one in losses if one.what == "top"], len(found[None][0])
    several = [len(order_E) for order_E in order.values() if len(order_E) > 1]
    shares = [sum(_disabled(one, experts) for experts in several) / sum(several) for one in numbers]
    top = [loss_N for one, loss_N in losses.items() if one.what == "top"]
    return arrays | {
        "top_disabled_share": np.array(shares, np.float64),
        "top_disabled_loss": np.array(top, np.float32).reshape(len(top), samples),
    }
