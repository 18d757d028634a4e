import pytest
import torch
from torch import nn

from moe_lab.layers.stacking import stack
from moe_lab.parts.experts.gaussian import Gaussian
from tests.conformance.cases import Case

CASE = Case(needs=["objective=mixture_density"], dense=True, of_numbers=True)


@pytest.fixture
def numbers(sizes):
    return sizes(classes=0)


def test_each_expert_is_a_plain_network(numbers, draw):
    experts, x = Gaussian(numbers, count=5, hidden=6), draw(7, 12)
    output = experts(x)
    bank = experts.bank
    for e in range(5):
        first, mean, log_sd = nn.Linear(12, 6), nn.Linear(6, 1), nn.Linear(6, 1)
        for plain, layer in ((first, bank.body.layers.layers[0]), (mean, bank.mean), (log_sd, bank.log_sd)):
            plain.weight.data, plain.bias.data = layer.weight_IO[e].T, layer.bias_1O[e, 0]
        hidden = first(x)
        torch.testing.assert_close(output.hidden_BEH[:, e], hidden)
        torch.testing.assert_close(output.mean_BE[:, e], mean(hidden.relu())[:, 0])
        # variance = sd^2 + least_sd^2
        variance = (2 * log_sd(hidden.relu())[:, 0]).exp() + 1e-6
        torch.testing.assert_close(output.variance_BE[:, e], variance)


def test_parameter_count(numbers):
    # 12 * 6 + 6, and two heads of 6 + 1, five times
    assert sum(p.numel() for p in Gaussian(numbers, count=5, hidden=6).parameters()) == 5 * (78 + 14)


@pytest.mark.parametrize("least_sd", [1e-3, 0.5])
def test_the_variance_has_a_floor_and_its_gradient_no_end(numbers, draw, least_sd):
    experts = Gaussian(numbers, count=5, hidden=6, least_sd=least_sd)
    experts.bank.log_sd.bias_1O.data.fill_(-50.0)
    variance = experts(draw(7, 12)).variance_BE
    torch.testing.assert_close(variance, torch.full_like(variance, least_sd**2))
    # at the floor, half of the variance is the network's, and so is half of the gradient
    experts.bank.log_sd.weight_IO.data.zero_()
    experts.bank.log_sd.bias_1O.data.fill_(torch.tensor(least_sd).log())
    log_variance = experts(draw(7, 12)).log_variance_BE
    torch.testing.assert_close(log_variance.exp(), torch.full_like(log_variance, 2 * least_sd**2))
    log_variance.sum().backward()
    # d log variance / d log sd = 2 sd^2 / (sd^2 + least_sd^2) = 1, for each of 7 samples
    torch.testing.assert_close(experts.bank.log_sd.bias_1O.grad.flatten(), torch.full((5,), 7.0))


def test_a_target_met_exactly_does_not_make_the_loss_unbounded(numbers, draw):
    """The reason for the floor: without it this loss would fall for ever."""
    experts, x = Gaussian(numbers, count=1, hidden=6), draw(1, 12)
    target = experts(x).mean_BE[:, 0].detach()
    experts.bank.log_sd.bias_1O.data.fill_(-1000.0)
    # log N = -log(2 pi) / 2 - log 1e-3
    expected = torch.tensor(2 * torch.pi).log() / -2 - torch.tensor(1e-3).log()
    torch.testing.assert_close(experts(x).log_likelihood_BE(target)[0, 0], expected)


def test_floors_may_differ_between_the_runs_of_a_stack(numbers, draw):
    runs = [Gaussian(numbers, count=5, hidden=6, least_sd=least_sd) for least_sd in (0.1, 0.2)]
    together, x = stack(runs), draw(2, 7, 12)
    for run, alone in enumerate(runs):
        torch.testing.assert_close(together(x).log_variance_BE[run], alone(x[run]).log_variance_BE)
