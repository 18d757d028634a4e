"""Further results on the test split that reports need besides the routing and that only the model can give."""

import numpy as np
import torch

from moe_lab.data.dataset import Data, batches, spread
from moe_lab.errors import expect, given
from moe_lab.evaluation import interventions
from moe_lab.evaluation.references import feature_clusters, learnable_choice, pixel_clusters, untrained_choice
from moe_lab.evaluation.regions import in_the_plane, regions
from moe_lab.evaluation.samples import Columns, features, features_fit
from moe_lab.evaluation.similarity import linear_cka, weight_cosine
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture
from moe_lab.routing.outputs import MixtureOutput

Arrays = dict[str, np.ndarray]

#: most test samples on which experts' features are compared
COMPARED = 1000


@torch.no_grad()
def look_closer(
    mixture: Mixture, untrained: Mixture, data: Data, noise: Noise, training_batch: int
) -> dict[str, Arrays]:
    """Arrays by file, stored beside those of ``evaluate``; none if there is only one expert.

    evaluation:    the reference decompositions (moe_lab/evaluation/references.py), ``feature_cka`` and
                   ``weight_cosine`` [E, E] (similarity.py), ``gate_weights`` [E, *shape] of gates linear in the input.
    interventions: predictions with an expert removed, or with two swapped (interventions.py); absent if rows depend on
                   their batch-mates or there are too many experts.
    regions:       over the plane, if samples are points in it (regions.py).

    ``untrained`` is the initialized mixture; ``noise`` is used here only.
    """
    if mixture.gate.sizes.experts == 1:
        return {}
    mixture.eval()
    files = {"evaluation": _references(mixture, untrained, data, noise, training_batch)}
    files["evaluation"] |= _similarity(mixture, data, noise, training_batch) | _gate_weights(mixture, data)
    if intervened := _interventions(mixture, data, noise, training_batch):
        files["interventions"] = intervened
    if in_the_plane(data):
        files["regions"] = regions(mixture, data, noise, training_batch)
    return files


def _references(mixture: Mixture, untrained: Mixture, data: Data, noise: Noise, training_batch: int) -> Arrays:
    found = {
        "reference_untrained": untrained_choice(untrained, data, noise, training_batch),
        "reference_kmeans_pixels": pixel_clusters(data, mixture.gate.sizes.experts),
    }
    clusters_N = feature_clusters(mixture, data, noise, training_batch)
    if clusters_N is not None:
        found["reference_kmeans_features"] = clusters_N
    if len(data.validation):
        found["reference_learnable"] = learnable_choice(mixture, data, noise, training_batch)
    return {name: expert_N.cpu().numpy() for name, expert_N in found.items()}


def _similarity(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Arrays:
    found = {"weight_cosine": weight_cosine(mixture.experts.bank)}
    compared = spread(data.test, COMPARED)
    if features_fit(mixture, len(compared)):
        rows = Columns(len(compared))
        for hidden_BEH in features(mixture, compared, noise, training_batch):
            rows.add({"hidden": hidden_BEH})
        found["feature_cka"] = linear_cka(rows.columns["hidden"])
    return {name: alike_EE.cpu().numpy() for name, alike_EE in found.items()}


def _gate_weights(mixture: Mixture, data: Data) -> Arrays:
    """The gate's weights, one per pixel and expert, if its logits are linear in the input."""
    score = getattr(mixture.gate, "score", None)
    if not getattr(score, "linear_in_input", False):
        return {}
    weight_ED = given(mixture.gate.head, "the gate's linear layer").weight_IO.detach().mT
    return {"gate_weights": weight_ED.reshape(-1, *data.shape).cpu().numpy()}


def _interventions(mixture: Mixture, data: Data, noise: Noise, training_batch: int) -> Arrays:
    """Predictions for every test sample with an expert removed, or with two swapped."""
    experts = mixture.gate.sizes.experts
    if experts > interventions.MOST_REMOVED or mixture.batch_dependent:
        return {}
    swaps = experts <= interventions.MOST_SWAPPED and data.target is None
    rows, wrong_EE = Columns(len(data.test)), torch.zeros(experts, experts, dtype=torch.int64)
    for x_BD, y_B in batches(data.test, mixture.batch_dependent, training_batch, mixture.numbers):
        routing, predicted = mixture.decide(x_BD, noise)
        output = mixture.answer(routing, predicted, noise)
        rows.add(interventions.removals(mixture, routing, predicted, y_B, noise))
        if swaps:
            wrong_EE = wrong_EE + interventions.swaps(mixture, expect(MixtureOutput, output), y_B)
    columns = {name: column.cpu().numpy() for name, column in rows.columns.items()}
    return columns | ({"swapped_errors": wrong_EE.numpy()} if swaps else {})
