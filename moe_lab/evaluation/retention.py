"""The loss of a network that keeps only the experts that samples of one class or domain select most.

Axes: N samples, S shares of the experts, G values of the label, E experts of a layer, T rows, K slots.
"""

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Split, batches, taken
from moe_lab.layers.noise import Noise, NoiseByLayer
from moe_lab.metrics.networks import label_of
from moe_lab.models.network import Network
from moe_lab.parts.roles import Gate
from moe_lab.routing.decision import Routing
from moe_lab.routing.trace import NONE, LayerTrace, Trace

Arrays = dict[str, np.ndarray]

#: shares of the experts of each layer that are kept, rounded up, and at least k
SHARES = (0.125, 0.25, 0.5)


@torch.no_grad()
def retention(network: Network, test: Split, noise: NoiseByLayer, trace: Trace, document_N: Tensor) -> Arrays:
    """The arrays of retention.npz, for the samples with these numbers in the test split.

    label:     [N] the class of each sample, or of a language model the domain of its window, by its number.
    share:     [S] the share of the experts that is kept in all layers at once.
    kept_loss: [S, N] the loss in nats if the gates of all layers select among the kept experts alone: those of each
               layer that rows of the sample's label select most in the whole test split; of equal ones the lower index.

    Source: Wang, Bhagia and Min 2026 (EMO), arXiv:2605.06663 (subsets of experts by domain).
    ``trace`` is that of the whole test split. Gates whose rows depend on their batch-mates are not for this.
    """
    network.eval()
    label = trace.label(label_of(trace))
    of_samples = torch.from_numpy(label.value.reshape(len(test), -1)[:, 0].astype(np.int64)).to(document_N.device)
    layers = [layer for layer in trace.layers if layer.experts > 1]
    numbers = _numbers(network, layers)
    choose = partial(_most_selected, label_T=label.value, labels=len(label.names))
    kept = {
        share: {layer.name: choose(layer, number=m).to(document_N.device) for layer, m in zip(layers, ms, strict=True)}
        for ms, share in numbers.items()
    }
    losses: dict[float, list[Tensor]] = {share: [] for share in kept}
    done = 0
    for x_BD, y_B in batches(taken(test, document_N), False, 0, network.numbers):
        label_T = of_samples[document_N[done : done + len(y_B)]].repeat_interleave(network.places)
        done += len(y_B)
        begin = noise.state()
        for share, of_layers in kept.items():
            noise.restore(begin)
            constrain = {
                name: partial(_among, network.routed[name].gate, noise[name], kept_GE[label_T])
                for name, kept_GE in of_layers.items()
            }
            losses[share].append(-network(x_BD, noise, constrain).log_likelihood_B(y_B))
    return {
        "label": of_samples[document_N].cpu().numpy(),
        "share": np.array(list(losses), np.float64),
        "kept_loss": np.stack([torch.cat(parts).cpu().numpy() for parts in losses.values()]),
    }


def _numbers(network: Network, layers: list[LayerTrace]) -> dict[tuple[int, ...], float]:
    """How many experts of each layer are kept -> the share of all that they are; each number once."""
    experts = [layer.experts for layer in layers]
    least = [network.routed[layer.name].gate.sizes.k for layer in layers]
    found = [tuple(max(k, math.ceil(share * e)) for e, k in zip(experts, least, strict=True)) for share in SHARES]
    return {ms: sum(ms) / sum(experts) for ms in found}


def _most_selected(layer: LayerTrace, label_T: np.ndarray, labels: int, number: int) -> Tensor:
    """Whether an expert is among the ``number`` that most slots of rows of a label select, [G, E]."""
    cell_TK = np.where(layer.experts_TK == NONE, NONE, label_T[:, None] * layer.experts + layer.experts_TK)
    cell_TK = cell_TK[label_T != NONE]
    count_GE = np.bincount(cell_TK[cell_TK != NONE].astype(np.int64), minlength=labels * layer.experts)
    order_GE = np.argsort(-count_GE.reshape(labels, layer.experts), axis=1, kind="stable")
    kept_GE = np.zeros(order_GE.shape, bool)
    np.put_along_axis(kept_GE, order_GE[:, :number], True, 1)
    return torch.from_numpy(kept_GE)


def _among(gate: Gate, noise: Noise, kept_TE: Tensor, routing: Routing) -> Routing:
    return gate.without(routing, ~kept_TE, noise)
