"""The weights of routers, the experts' responses to them, and the similarity of experts' outputs, by layer.

Axes: L mixture layers, E experts of the layer with most of them, D features of the widest router, T rows.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Split, batches, spread
from moe_lab.layers.noise import NoiseByLayer
from moe_lab.mixture.routed import RoutedExperts, values
from moe_lab.models.network import Network
from moe_lab.parts.regularizers.erc import linear_head, responses
from moe_lab.parts.regularizers.orthogonality import span_share
from moe_lab.routing.values import LayerOutput

Arrays = dict[str, np.ndarray]

#: most rows of a layer on which all experts are run, and most numbers of their outputs and hidden layers at a time
MOST_ROWS, NUMBERS = 2048, 2**22


@torch.no_grad()
def geometry(network: Network, test: Split, noise: NoiseByLayer, training_batch: int) -> Arrays:
    """The arrays of geometry.npz, float32; NaN for values that a layer lacks, and for experts without a network.

    router_weights:  [L, E, D] the weights of the linear layer of the gate's logits, one row per expert.
    router_response: [L, E, E] |h_j(R_i)|: the length of the hidden layer of expert j (column), before its activation,
                     for the router's weights of expert i (row). Of gates that are linear in the layer's input.
    output_cosine:   [L, E, E] the cosine of two experts' outputs for the same row, the mean over the rows of up to
                     MOST_ROWS / S evenly spaced test samples, whether they selected these experts or not.
    output_overlap:  [L] the share of the squared length of a selected expert's output that lies in the span of the
                     outputs of the row's other selected experts, the mean over these rows and experts. NaN if no row
                     selects several, or some select more than the layer is wide.

    Args:
        noise: as in the evaluation of the test split.
        training_batch: the batch size if a prediction depends on its batch-mates.
    """
    network.eval()
    routed = network.routed
    samples = spread(test, max(1, MOST_ROWS // network.places))
    outputs: dict[str, list[LayerOutput]] = {name: [] for name in routed}
    for x_BD, _ in batches(samples, network.batch_dependent, training_batch, network.numbers):
        for name, output in network(x_BD, noise).layers.items():
            outputs[name].append(output)
    found = [_of_layer(layer, outputs[name]) for name, layer in routed.items()]
    return {name: _padded([one[name].cpu().numpy() for one in found]) for name in found[0]}


def _of_layer(layer: RoutedExperts, outputs: list[LayerOutput]) -> dict[str, Tensor]:
    experts, computing = layer.experts.count, layer.experts.computing
    like = outputs[0].x_TD
    missing_EE = like.new_full((experts, experts), torch.nan)
    head, linear = layer.gate.head, linear_head(layer.gate)
    response_EE = missing_EE.clone()
    if linear is not None and layer.experts.hidden_features:
        response_EE[:computing, :computing] = responses(layer.experts, linear.weight_IO.mT)[:computing, :computing]
    cosine_EE, overlap = missing_EE, like.new_full((), torch.nan)
    # experts whose inputs are mixtures of rows have no output for a single row
    if not layer.gate.traits.makes_slots:
        cosine_EE, overlap = _of_outputs(layer, outputs)
    return {
        "router_weights": like.new_full((experts, 1), torch.nan) if head is None else head.weight_IO.mT,
        "router_response": response_EE,
        "output_cosine": cosine_EE,
        "output_overlap": overlap,
    }


def _of_outputs(layer: RoutedExperts, outputs: list[LayerOutput]) -> tuple[Tensor, Tensor]:
    """Sums over the rows in chunks, then means."""
    experts = layer.experts.count
    zeros_EE = outputs[0].x_TD.new_zeros(experts, experts, dtype=torch.float64)
    cosine_EE, rows_EE, overlap, count = zeros_EE, zeros_EE, zeros_EE.sum(), zeros_EE.sum()
    for x_TD, selected_TE in _chunks(layer, outputs):
        y_TEO = values(layer.experts(x_TD)).values_BEO.double()
        square_TE = y_TEO.square().sum(-1)
        there_TE = square_TE > 0
        unit_TEO = y_TEO / torch.where(there_TE, square_TE, 1.0).sqrt().unsqueeze(-1)
        cosine_EE = cosine_EE + torch.einsum("teo,tfo->ef", unit_TEO, unit_TEO)
        rows_EE = rows_EE + there_TE.double().mT @ there_TE.double()
        total, number = _overlap(y_TEO, square_TE, selected_TE)
        overlap, count = overlap + total, count + number
    return (cosine_EE / rows_EE).float(), (overlap / count).float()


def _overlap(y_TEO: Tensor, square_TE: Tensor, selected_TE: Tensor) -> tuple[Tensor, Tensor]:
    """The sum and number of the shares, over the selected experts with nonzero outputs of rows that select several."""
    active_TE = selected_TE & (square_TE > 0)
    active_TE = active_TE & (active_TE.sum(-1, keepdim=True) > 1)
    slots = max(1, int(active_TE.sum(-1).max()))
    # selected experts first, so that a row's matrix of cosines has few rows
    expert_TK = active_TE.to(torch.uint8).argsort(stable=True, dim=-1, descending=True)[:, :slots]
    y_TKO = y_TEO.gather(1, expert_TK.unsqueeze(-1).expand(-1, -1, y_TEO.shape[-1]))
    active_TK, square_TK = active_TE.gather(1, expert_TK), square_TE.gather(1, expert_TK)
    share_TK = span_share(y_TKO, square_TK, active_TK)
    if slots > y_TEO.shape[-1]:
        share_TK = torch.full_like(share_TK, torch.nan)
    return torch.where(active_TK, share_TK, 0.0).sum(), active_TK.sum()


def _chunks(layer: RoutedExperts, outputs: list[LayerOutput]) -> Iterator[tuple[Tensor, Tensor]]:
    sizes = layer.gate.sizes
    numbers = layer.experts.count * max(sizes.features, layer.experts.hidden_features or 0)
    for output in outputs:
        rows = max(1, NUMBERS // numbers)
        yield from zip(output.x_TD.split(rows), output.routing.selected_BE.split(rows), strict=True)


def _padded(arrays: list[np.ndarray]) -> np.ndarray:
    """The arrays of all layers as one, padded with NaN for smaller layers."""
    if arrays[0].ndim == 0:
        return np.stack(arrays)
    most = np.max([one.shape for one in arrays], axis=0)
    missing = [[(0, lack) for lack in most - one.shape] for one in arrays]
    return np.stack([np.pad(one, lack, constant_values=np.nan) for one, lack in zip(arrays, missing, strict=True)])
