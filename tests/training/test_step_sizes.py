import pytest
import torch
from torch import nn

from moe_lab.training.optimizers import make_optimizer
from moe_lab.training.options import Trainer
from moe_lab.training.step_sizes import step_sizes


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_gradient_that_stays_is_multiplied_by_its_step_size(optimizer):
    """Once the averages have settled, a step is the gradient times the step size."""
    parameter, gradient = nn.Parameter(torch.tensor([[1.0, -2.0]])), torch.tensor([[0.3, -0.001]])
    steps = make_optimizer(Trainer(optimizer=optimizer, lr=0.01, momentum=0.5), [parameter])
    for _ in range(50):
        before = parameter.detach().clone()
        parameter.grad = gradient.clone()
        steps.step()
    expected = (before - parameter.detach()) / gradient
    torch.testing.assert_close(step_sizes(steps, parameter).expand_as(gradient), expected, rtol=2e-3, atol=0)


def test_by_hand():
    # momentum 0.75: each gradient counts 1 + 0.75 + 0.75^2 + ... = 4 times
    parameter = nn.Parameter(torch.tensor([1.0]))
    steps = make_optimizer(Trainer(optimizer="sgd", lr=0.01, momentum=0.75), [parameter])
    parameter.grad = torch.ones(1)
    steps.step()
    assert step_sizes(steps, parameter).item() == pytest.approx(0.04)


def test_of_a_parameter_that_it_does_not_hold():
    steps = make_optimizer(Trainer(), [nn.Parameter(torch.ones(1))])
    with pytest.raises(ValueError, match="does not hold"):
        step_sizes(steps, nn.Parameter(torch.ones(1)))
