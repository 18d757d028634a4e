"""Fitting gates and experts to a split, in addition to gradient steps or without any."""

import torch

from moe_lab.data.dataset import Data, batches
from moe_lab.mixture.mixture import Mixture


@torch.no_grad()
def fit(mixture: Mixture, data: Data, training_batch: int) -> None:
    """Fit the experts and gates that ask for it. Called after every epoch, before the evaluation on the validation
    split, so the result is part of the epoch's state."""
    if mixture.experts.needs_fitting:
        mixture.eval()
        mixture.experts.fit(*((split.x_ND, split.y_N) for split in (data.train, data.validation)))
    fit_gate(mixture, data, training_batch)


def fit_gate(mixture: Mixture, data: Data, training_batch: int) -> None:
    """Fit the gate to the validation split, or to the training split if there is none."""
    if not mixture.gate.traits.needs_fitting:
        return
    mixture.eval()
    split = data.validation if len(data.validation.y_N) else data.train
    right = [
        mixture.experts(x_BD).log_probs_BEC.argmax(-1) == y_B.unsqueeze(-1)
        for x_BD, y_B in batches(split, mixture.batch_dependent, training_batch, mixture.numbers)
    ]
    mixture.gate.fit(split.x_ND, torch.cat(right, -2))
