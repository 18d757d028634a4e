"""k-means, to compare a run's experts with clusters of the inputs. Legend: K clusters.

It is written in torch, because other libraries take seconds to import and the engine must run with torch alone.
"""

import torch
from torch import Tensor

from moe_lab.layers.noise import generator

RESTARTS = 4
ROUNDS = 50


def centres(x_ND: Tensor, count: int, name: str) -> Tensor:
    """centre_KD of the best of four runs of Lloyd's algorithm, by the sum of squared distances.

    Each run starts from centres drawn by k-means++ with the generator named ``name``. It ends when no sample changes
    its cluster, or after 50 rounds. A cluster that loses all its samples keeps its centre.
    Source: Lloyd 1982, Least squares quantization in PCM; Arthur and Vassilvitskii 2007, k-means++.
    """
    x_ND = x_ND.cpu()
    draw = generator(0, name)
    starts = [_spread_out(x_ND, count, draw) for _ in range(RESTARTS)]
    found = [lloyd(x_ND, start_KD) for start_KD in starts]
    return min(found, key=lambda centre_KD: _inertia(x_ND, centre_KD))


def nearest(x_ND: Tensor, centre_KD: Tensor) -> Tensor:
    """The cluster of every sample, [N]; the first one among equally near clusters."""
    return _half_distances(x_ND, centre_KD.to(x_ND.device)).argmin(-1)


def lloyd(x_ND: Tensor, centre_KD: Tensor) -> Tensor:
    """The centres that Lloyd's algorithm finds from ``centre_KD``."""
    cluster_N = nearest(x_ND, centre_KD)
    for _ in range(ROUNDS):
        member_KN = (cluster_N == torch.arange(len(centre_KD)).unsqueeze(-1)).to(x_ND.dtype)
        count_K1 = member_KN.sum(-1, keepdim=True)
        centre_KD = torch.where(count_K1 > 0, member_KN @ x_ND / count_K1.clamp(min=1), centre_KD)
        before_N, cluster_N = cluster_N, nearest(x_ND, centre_KD)
        if torch.equal(before_N, cluster_N):
            break
    return centre_KD


def _half_distances(x_ND: Tensor, centre_KD: Tensor) -> Tensor:
    """|x - c|^2 / 2 - |x|^2 / 2, [N, K]."""
    return centre_KD.square().sum(-1) / 2 - x_ND @ centre_KD.mT


def _squared_distances(x_ND: Tensor, centre_KD: Tensor) -> Tensor:
    """The squared distance of every sample to the nearest centre, [N]."""
    half_N = _half_distances(x_ND, centre_KD).amin(-1)
    return (2 * half_N + x_ND.square().sum(-1)).clamp(min=0)


def _inertia(x_ND: Tensor, centre_KD: Tensor) -> float:
    return _squared_distances(x_ND, centre_KD).double().sum().item()


def _spread_out(x_ND: Tensor, count: int, draw: torch.Generator) -> Tensor:
    """Initial centres by k-means++. The first is a random sample; each further one is a sample drawn with probability
    proportional to its squared distance from the nearest centre so far."""
    share_K = torch.rand(count, generator=draw, dtype=torch.float64)
    chosen = [int(share_K[0] * len(x_ND))]
    squared_N = _squared_distances(x_ND, x_ND[chosen])
    while len(chosen) < count:
        sums_N = squared_N.double().cumsum(0)
        place = int(torch.searchsorted(sums_N, share_K[len(chosen)] * sums_N[-1], right=True))
        chosen.append(min(place, len(x_ND) - 1))
        squared_N = torch.minimum(squared_N, _squared_distances(x_ND, x_ND[chosen[-1:]]))
    return x_ND[chosen]
