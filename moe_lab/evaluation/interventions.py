"""Predictions with an expert removed, or with the outputs of two experts swapped."""

import torch
from torch import Tensor

from moe_lab.errors import given
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture
from moe_lab.routing.choice import one_hot
from moe_lab.routing.combine import combine_probabilities
from moe_lab.routing.decision import Routing
from moe_lab.routing.inference import infer
from moe_lab.routing.outputs import MixtureOutput, Predicted

#: most experts for which removals, and swaps of two, are computed: they take E and E^2 times as long as an evaluation
MOST_REMOVED, MOST_SWAPPED = 64, 16


def removals(mixture: Mixture, routing: Routing, predicted: Predicted, y_B: Tensor, noise: Noise) -> dict[str, Tensor]:
    """For each expert, the mixture's prediction without it: the gate selects again among the others (``Gate.without``).

    ``routing`` is the gate's decision for the batch, ``predicted`` the experts' predictions.
    removed_prediction [B, E], and removed_log_likelihood [B, E] = log q(y), in nats.
    """
    gone = (one_hot(e, routing.weights_BE) for e in range(mixture.gate.sizes.experts))
    others = (mixture.gate.without(routing, gone_E, noise) for gone_E in gone)
    without = [predicted.mix(infer(one, mixture.inference, noise), mixture.combine) for one in others]
    return {
        "removed_prediction": torch.stack([one.prediction_B for one in without], -1),
        "removed_log_likelihood": torch.stack([one.log_likelihood_B(y_B) for one in without], -1),
    }


def swaps(mixture: Mixture, output: MixtureOutput, y_B: Tensor) -> Tensor:
    """Number of samples that the mixture gets wrong if two experts exchange their outputs under the same routing, [E,
    E].

    Both rules of combination rest on a sum over experts of w_e a_e (a = P, or log P), and a swap of e and f adds
    (w_e - w_f)(a_f - a_e) to it. In float64, on the CPU.
    """
    log_probs_BEC, y_B = given(output.experts, "the experts' output").log_probs_BEC.cpu().double(), y_B.cpu()
    a_BEC = log_probs_BEC.exp() if mixture.combine is combine_probabilities else log_probs_BEC
    w_BE = output.routing.weights_BE.cpu().double()
    sum_BC = (w_BE.unsqueeze(-1) * a_BEC).sum(-2)
    experts = w_BE.shape[-1]
    wrong_EE = torch.zeros(experts, experts, dtype=torch.int64)
    for e in range(experts):
        added_BEC = (w_BE[..., e, None] - w_BE).unsqueeze(-1) * (a_BEC - a_BEC[..., e, None, :])
        swapped_BE = (sum_BC.unsqueeze(-2) + added_BEC).argmax(-1)
        wrong_EE[e] = (swapped_BE != y_B.unsqueeze(-1)).sum(-2)
    return wrong_EE
