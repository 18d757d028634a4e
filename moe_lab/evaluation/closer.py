"""A closer look at the test split: what reports ask besides the routing, and only the model can answer."""

import numpy as np
import torch
from torch import Tensor

from moe_lab.data.dataset import Data, batches
from moe_lab.errors import expect, given
from moe_lab.evaluation import interventions
from moe_lab.evaluation.clusters import nearest
from moe_lab.evaluation.references import feature_centres, learnable_choice, pixel_clusters, untrained_choice
from moe_lab.evaluation.regions import in_the_plane, regions
from moe_lab.evaluation.samples import outputs, side_by_side, spread
from moe_lab.evaluation.similarity import linear_cka, weight_cosine
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture
from moe_lab.routing.outputs import MixtureOutput

Arrays = dict[str, np.ndarray]

#: test samples from which experts' features are compared
COMPARED = 1000


@torch.no_grad()
def look_closer(
    mixture: Mixture, untrained: Mixture, data: Data, noise: Noise, training_batch: int
) -> dict[str, Arrays]:
    """Arrays by file, to stand beside those of ``evaluate``. One expert alone leaves nothing to ask.

    evaluation:    the reference decompositions (moe_lab/evaluation/references.py), ``feature_cka`` and
                   ``weight_cosine`` [E, E] (similarity.py), ``gate_weights`` [E, *shape] of gates linear in the input.
    interventions: what is said without an expert, or with two swapped (interventions.py); absent where rows depend on
                   their batch-mates or there are too many experts.
    regions:       over the plane, where samples are points in it (regions.py).

    ``untrained`` is the mixture as it was initialized; ``noise`` serves this look alone.
    """
    if mixture.gate.sizes.experts == 1:
        return {}
    mixture.eval()
    files = {"evaluation": _references(mixture, untrained, data, noise, training_batch)}
    files["evaluation"] |= _similarity(mixture, data, noise, training_batch) | _gate_weights(mixture, data)
    in_batches, intervened = _over_the_test_split(mixture, data, noise, training_batch)
    files["evaluation"] |= in_batches
    if intervened:
        files["interventions"] = intervened
    if in_the_plane(data):
        files["regions"] = regions(mixture, data, noise, training_batch)
    return files


def _references(mixture: Mixture, untrained: Mixture, data: Data, noise: Noise, training_batch: int) -> Arrays:
    found = {
        "reference_untrained": untrained_choice(untrained, data, noise, training_batch),
        "reference_kmeans_pixels": pixel_clusters(data, mixture.gate.sizes.experts),
    }
    if len(data.validation):
        found["reference_learnable"] = learnable_choice(mixture, data, noise, training_batch)
    return {name: expert_N.cpu().numpy() for name, expert_N in found.items()}


def _similarity(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Arrays:
    found = {"weight_cosine": weight_cosine(mixture.experts.bank)}
    if mixture.experts.hidden_features is not None:
        seen = outputs(mixture, spread(data.test, COMPARED), noise, training_batch)
        found["feature_cka"] = linear_cka(torch.cat([output.expert_hidden_BEH for _, output in seen]))
    return {name: alike_EE.cpu().numpy() for name, alike_EE in found.items()}


def _gate_weights(mixture: Mixture, data: Data) -> Arrays:
    """Where the gate's logits are linear in the input: one weight a pixel and expert."""
    score = getattr(mixture.gate, "score", None)
    if not getattr(score, "linear_in_input", False):
        return {}
    weight_ED = given(mixture.gate.head, "the gate's linear layer").weight_IO.detach().mT
    return {"gate_weights": weight_ED.reshape(-1, *data.shape).cpu().numpy()}


def _over_the_test_split(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> tuple[Arrays, Arrays]:
    """What is asked of every test sample: the cluster of its features, and the interventions."""
    centre_KX = feature_centres(mixture, data, noise, training_batch)
    experts = mixture.gate.sizes.experts
    removes = experts <= interventions.MOST_REMOVED and not mixture.batch_dependent
    swaps = experts <= interventions.MOST_SWAPPED and not mixture.batch_dependent and data.target is None
    rows, wrong_EE = [], torch.zeros(experts, experts, dtype=torch.int64)
    for x_BD, y_B in batches(data.test, mixture.batch_dependent, training_batch):
        routing, said = mixture.decide(x_BD, noise)
        output = mixture.answer(routing, said, noise)
        row: dict[str, Tensor] = {}
        if centre_KX is not None:
            row["reference_kmeans_features"] = nearest(side_by_side(output.expert_hidden_BEH), centre_KX)
        if removes:
            row |= interventions.removals(mixture, routing, said, y_B, noise)
        if swaps:
            wrong_EE = wrong_EE + interventions.swaps(mixture, expect(MixtureOutput, output), y_B)
        rows.append(row)
    columns = {name: torch.cat([row[name] for row in rows]).cpu().numpy() for name in rows[0]}
    features = {name: columns.pop(name) for name in ("reference_kmeans_features",) if name in columns}
    if swaps:
        columns["swapped_errors"] = wrong_EE.numpy()
    return features, columns
