"""The score function against what it estimates."""

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator
from tests.conformance.cases import Case

CASE = Case(needs=["gate=stochastic"], selecting=[])


N = 20_000


def losses(learner, x, y, noise):
    mixture = learner.mixture
    return learner.losses(mixture.step(x, y, mixture(x, noise), noise))


@pytest.mark.parametrize("baseline", [0.0, 2.0])
def test_the_mean_gradient_is_that_of_the_expected_loss(learner_of, draw, baseline):
    """4 samples, 20,000 draws each, of experts and gate alike; whatever the baseline is."""
    stochastic, expected = learner_of("gate=stochastic"), learner_of("objective=expected_loss")
    expected.load_state_dict(stochastic.state_dict(), strict=False)
    stochastic.objective.average.fill_(baseline)
    stochastic.objective.norm.fill_(1.0)
    x, y = draw(4, 12), torch.arange(4)
    noise = Noise([generator(0, "noise")])
    sampled = losses(stochastic, x.repeat(N, 1), y.repeat(N), noise)[1].total
    exact = losses(expected, x, y, noise)[1].total
    assert abs(sampled - exact) < 0.01
    names = [name for name, _ in expected.named_parameters()]
    got = torch.autograd.grad(sampled, [*dict(stochastic.named_parameters()).values()])
    wanted = torch.autograd.grad(exact, [*dict(expected.named_parameters()).values()])
    for name, one, other in zip(names, got, wanted, strict=True):
        assert (one - other).norm() < 0.08 * other.norm() + 2e-3, name


def test_the_baseline_lowers_the_variance(learner_of, draw):
    x, y = draw(4, 12), torch.arange(4)
    spread = []
    for baseline in (0.0, 1.4):
        learner = learner_of("gate=stochastic")
        learner.objective.average.fill_(baseline)
        learner.objective.norm.fill_(1.0)
        learner.objective.eval()
        gradients = []
        for seed in range(60):
            total = losses(learner, x, y, Noise([generator(seed, "noise")]))[1].total
            gradients.append(torch.autograd.grad(total, learner.mixture.gate.score.head.weight_IO)[0])
        spread.append(torch.stack(gradients).var(0).sum())
    assert spread[1] < 0.5 * spread[0]


def test_the_baseline_is_the_moving_average_of_earlier_losses(learner_of, draw, noise):
    learner = learner_of("gate=stochastic", "objective.decay=0.75")
    means = [losses(learner, draw(7, 12), torch.arange(7) % 4, noise)[0].mean().item() for _ in range(3)]
    # weights .25 * (.75^2, .75, 1), divided by their sum
    weights = torch.tensor([0.5625, 0.75, 1.0])
    expected = (weights * torch.tensor(means)).sum() / weights.sum()
    torch.testing.assert_close(learner.objective._baseline(), expected)
    learner.eval()
    losses(learner, draw(7, 12), torch.arange(7) % 4, noise)
    torch.testing.assert_close(learner.objective._baseline(), expected)


def test_the_value_is_the_loss_of_the_drawn_expert(learner_of, draw, noise):
    learner = learner_of("gate=stochastic")
    x, y = draw(7, 12), torch.arange(7) % 4
    output = learner.mixture(x, noise)
    mixture = learner.mixture
    loss = learner.objective(mixture.step(x, y, output, noise))
    drawn = output.routing.weights_BE.argmax(-1)
    torch.testing.assert_close(loss, -output.experts.log_probs_BEC[torch.arange(7), drawn, y])


def test_it_is_for_one_expert(learner_of):
    with pytest.raises(ConfigError, match="Stochastic takes at most 1 expert per sample, and k=2: take k=1"):
        learner_of("gate=stochastic", "k=2")
