"""Reference decompositions: other ways to share the test samples among E experts, without the run's trained gate.

Two do not depend on training: the gate before training, and k-means of the inputs. They, too, give each expert some
classes more often than others, so a run's information is compared with theirs instead of zero. Two use the run's own
trained experts: k-means of their hidden features, and ``learnable``, a nearest-neighbour gate fitted to their
predictions. These show the results of the experts with another gate.
"""

import torch
from torch import Tensor

from moe_lab.data.dataset import Data, batches, spread
from moe_lab.evaluation.clusters import centres, nearest
from moe_lab.evaluation.samples import Columns, features, features_fit, outputs, side_by_side
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture

#: most samples to which clusters and the learnable gate are fitted
FITTED = 2000
#: candidate numbers of neighbours of the learnable gate
NEIGHBOURS = (1, 3, 10, 30, 100)
#: samples whose neighbours are found in one step
CHUNK = 256


def pixel_clusters(data: Data, experts: int) -> Tensor:
    """k-means of the inputs with E clusters, fitted to up to 2,000 training samples: the cluster of every test sample,
    [N]."""
    return nearest(data.test.x_ND, centres(spread(data.train, FITTED).x_ND, experts, "kmeans/pixels"))


def feature_centres(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Tensor | None:
    """k-means with E clusters of the trained experts' last hidden layers after their ReLU, side by side, fitted to up
    to 2,000 training samples; None for experts without such a layer, or with too many features."""
    fitted = spread(data.train, FITTED)
    if not features_fit(mixture, len(fitted)):
        return None
    found = Columns(len(fitted))
    for hidden_BEH in features(mixture, fitted, noise, training_batch):
        found.add({"hidden": side_by_side(hidden_BEH)})
    return centres(found.columns["hidden"], mixture.gate.sizes.experts, "kmeans/features")


def feature_clusters(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Tensor | None:
    """The cluster of every test sample, [N], by ``feature_centres``; None if there are none."""
    centre_KX = feature_centres(mixture, data, noise, training_batch)
    if centre_KX is None:
        return None
    found = Columns(len(data.test))
    for hidden_BEH in features(mixture, data.test, noise, training_batch):
        found.add({"cluster": nearest(side_by_side(hidden_BEH), centre_KX)})
    return found.columns["cluster"]


def learnable_choice(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Tensor:
    """The expert of every test sample, [N], by a gate fitted to up to 2,000 validation samples (``learnable``)."""
    known = spread(data.validation, FITTED)
    columns = Columns(len(known))
    for y_B, output in outputs(mixture, known, noise, training_batch):
        columns.add({"nats": output.expert_log_likelihood_BE(y_B)})
    return learnable(known.x_ND, columns.columns["nats"], data.test.x_ND)


def untrained_choice(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Tensor:
    """The arg-max expert of every test sample in the initialized mixture, [N]; -1 if no expert gets the sample."""
    mixture.eval()
    chosen = Columns(len(data.test))
    sees_experts = mixture.gate.traits.reads_experts
    numbers = mixture.numbers if sees_experts else 1
    for x_BD, _ in batches(data.test, mixture.batch_dependent, training_batch, numbers):
        routing = mixture.decide(x_BD, noise)[0] if sees_experts else mixture.gate(x_BD, None, noise)
        chosen.add({"expert": routing.expert_B})
    return chosen.columns["expert"]


def learnable(known_VD: Tensor, nats_VE: Tensor, x_ND: Tensor) -> Tensor:
    """The expert of every sample by a gate that is learnable with frozen experts, [N]: the one with the largest mean
    log P_e(y) over the sample's nearest validation samples.

    ``nats_VE`` are the experts' log P_e(y) of the V validation samples. The number of neighbours is chosen among 1, 3,
    10, 30 and 100 by leave-one-out on the validation samples: the one whose experts have the largest mean log P_e(y).
    Source: Woods, Kegelmeyer and Bowyer 1997, Combination of multiple classifiers using local accuracy estimates, here
    with log-likelihoods in place of hits.
    """
    samples, nats_VE = len(known_VD), nats_VE.cpu()
    if samples < 2:
        return nats_VE.argmax(-1).expand(len(x_ND))
    most = min(NEIGHBOURS[-1], samples - 1)
    among_VV = torch.cdist(known_VD, known_VD).fill_diagonal_(torch.inf)
    sizes = [count for count in NEIGHBOURS if count <= most]
    # sums without a deterministic GPU kernel are computed on the CPU, over some samples at a time
    parts = zip(among_VV.topk(most, largest=False).indices.cpu().split(CHUNK), nats_VE.split(CHUNK), strict=True)
    got = [_got(nats_VE[near_RM].cumsum(-2), nats_RE, sizes) for near_RM, nats_RE in parts]
    worth = [torch.cat(of_size).double().mean().item() for of_size in zip(*got, strict=True)]
    count = sizes[max(range(len(sizes)), key=lambda place: worth[place])]
    chunks = (torch.cdist(x_BD, known_VD).topk(count, largest=False).indices.cpu() for x_BD in x_ND.split(CHUNK))
    return torch.cat([nats_VE[nearest_BM].mean(-2).argmax(-1) for nearest_BM in chunks])


def _got(near_RME: Tensor, nats_RE: Tensor, sizes: list[int]) -> list[Tensor]:
    """For each number of neighbours, log P_e(y) of the expert with the largest sum over that many neighbours, [R]
    each."""
    chosen = [near_RME[:, count - 1].argmax(-1, keepdim=True) for count in sizes]
    return [nats_RE.gather(-1, expert_R1).squeeze(-1) for expert_R1 in chosen]
