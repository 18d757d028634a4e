"""The look at a split in evaluation, while a run trains."""

import torch
from torch import Tensor

from moe_lab.data.dataset import Split, batches
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Constrain
from moe_lab.training.learner import Learner
from moe_lab.training.tally import Tally


@torch.no_grad()
def evaluate_split(
    learner: Learner, split: Split, noise: Noise, training_batch: int, route: Constrain = lambda routing: routing
) -> tuple[Tally, Tensor]:
    """The sums over a split, and every sample's arg-max expert (-1 if no expert has it), [..., N]. ``route`` changes
    what the gate decides."""
    learner.eval()
    tally, experts = Tally(), []
    for x_BD, y_B in batches(split, learner.mixture.batch_dependent, training_batch, learner.mixture.numbers):
        output = learner.mixture(x_BD, noise, route)
        loss_B = -output.log_likelihood_B(y_B)
        tally.add(loss_B, y_B, output)
        experts.append(output.routing.expert_B)
    return tally, torch.cat(experts, -1)
