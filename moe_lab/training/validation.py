"""Evaluation on a split during training."""

from typing import Any

import torch
from torch import Tensor

from moe_lab.data.dataset import Split, batches
from moe_lab.mixture.mixture import Constrain
from moe_lab.training.learner import AnyLearner
from moe_lab.training.tally import Tally


@torch.no_grad()
def evaluate_split(
    learner: AnyLearner, split: Split, noise: Any, training_batch: int, route: Constrain = lambda routing: routing
) -> tuple[Tally, Tensor]:
    """The sums over a split, and its assignments (``Learner.joined``). ``route`` changes the gate's decision."""
    learner.eval()
    tally, assigned = Tally(), []
    for x_BD, y_B in batches(split, learner.batch_dependent, training_batch, learner.numbers):
        output = learner.predict(x_BD, noise, route)
        loss_B = -output.log_likelihood_B(y_B)
        tally.add(loss_B, output.scores(y_B), learner.routings(output))
        assigned.append(learner.assigned(output, y_B))
    return tally, learner.joined(assigned)
