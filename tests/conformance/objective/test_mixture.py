import math

import pytest
import torch

from moe_lab.objectives.mixture import Mixture


def test_the_negative_log_likelihood_of_each_sample(sizes, step_of):
    log_probs = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]]).log()
    loss = Mixture(sizes())(step_of(log_probs_BC=log_probs, y_B=torch.tensor([1, 3])))
    torch.testing.assert_close(loss, -torch.tensor([0.25, 0.4]).log())


def test_the_second_softmax_has_a_floor(sizes, step_of):
    certain = torch.tensor([[0.0, -torch.inf, -torch.inf, -torch.inf]])
    objective = Mixture(sizes(), second_softmax=True)
    # softmax of (1, 0, 0, 0): the true class gets e / (e + 3)
    loss = objective(step_of(log_probs_BC=certain, y_B=torch.tensor([0])))
    assert loss.item() == pytest.approx(math.log(1 + 3 / math.e))
