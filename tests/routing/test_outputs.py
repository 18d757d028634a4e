"""Mixtures of Gaussians against SciPy, torch.distributions, hand arithmetic and autograd of the written-out formula."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch.distributions import Categorical, MixtureSameFamily, Normal

from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, GaussianExpertOutput, GaussianMixtureOutput

B, E = 7, 5


def mixture(log_weights, mean, log_variance) -> GaussianMixtureOutput:
    weights = log_weights.exp()
    return GaussianMixtureOutput(
        Routing(weights, weights, weights > 0, log_weights), GaussianExpertOutput(mean, log_variance, None)
    )


def drawn(seed: int = 0, *lead: int) -> tuple[torch.Tensor, ...]:
    """log-weights, means and log-variances [*lead, B, E], and targets [*lead, B], in float64."""
    source = torch.Generator().manual_seed(seed)
    logits, mean, log_variance = torch.randn(3, *lead, B, E, generator=source, dtype=torch.float64)
    return logits.log_softmax(-1), mean, log_variance, torch.randn(*lead, B, generator=source, dtype=torch.float64)


def test_by_hand():
    # halves of N(0, 1) and N(2, 4) at y = 0: (.3989423 + .1994711 exp(-1/2)) / 2; mean 1, variance (1 + 4) / 2 + 1
    output = mixture(torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.0, 2.0]]), torch.tensor([[0.0, math.log(4.0)]]))
    expected = (0.3989423 + 0.1994711 * math.exp(-0.5)) / 2
    assert output.log_likelihood_B(torch.zeros(1)).item() == pytest.approx(math.log(expected), rel=1e-6)
    assert output.prediction_B.tolist() == [1.0]
    assert output.variance_B.item() == pytest.approx(3.5)
    assert output.scores(torch.tensor([3.0]))["squared_errors"].tolist() == [4.0]


def test_against_scipy():
    log_weights, mean, log_variance, y = drawn()
    output = mixture(log_weights, mean, log_variance)
    each = stats.norm.logpdf(y.numpy()[:, None], mean.numpy(), np.exp(log_variance.numpy() / 2))
    np.testing.assert_allclose(output.experts.log_likelihood_BE(y), each, rtol=1e-12)
    np.testing.assert_allclose(output.log_likelihood_B(y), np.log((log_weights.exp().numpy() * np.exp(each)).sum(1)))
    stored = output.stored(y)
    np.testing.assert_allclose(stored["expert_variance"], log_variance.exp())
    assert torch.equal(stored["log_density"], output.log_likelihood_B(y))


def test_against_torch_distributions():
    log_weights, mean, log_variance, y = drawn(1)
    oracle = MixtureSameFamily(Categorical(logits=log_weights), Normal(mean, (log_variance / 2).exp()))
    output = mixture(log_weights, mean, log_variance)
    torch.testing.assert_close(output.log_likelihood_B(y), oracle.log_prob(y))
    torch.testing.assert_close(output.prediction_B, oracle.mean)
    torch.testing.assert_close(output.variance_B, oracle.variance)


def test_gradients_are_those_of_the_written_out_formula():
    log_weights, mean, log_variance, y = drawn(2)
    leaves = [one.requires_grad_() for one in (log_weights, mean, log_variance)]
    found = torch.autograd.grad(-mixture(*leaves).log_likelihood_B(y).sum(), leaves)
    variance = log_variance.exp()
    density = (-((y[:, None] - mean) ** 2) / (2 * variance)).exp() / (2 * math.pi * variance).sqrt()
    expected = torch.autograd.grad(-(log_weights.exp() * density).sum(1).log().sum(), leaves)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    # and d/d mean_e = responsibility_e (mean_e - y) / variance_e
    joint = log_weights.exp() * density
    responsibility = joint / joint.sum(1, keepdim=True)
    torch.testing.assert_close(found[1], responsibility * (mean - y[:, None]) / variance)


@given(st.permutations(range(E)), st.integers(0, 1000))
@settings(deadline=None, max_examples=25)
def test_permuting_experts_changes_nothing(order, seed):
    log_weights, mean, log_variance, y = drawn(seed)
    plain = mixture(log_weights, mean, log_variance)
    permuted = mixture(log_weights[:, order], mean[:, order], log_variance[:, order])
    torch.testing.assert_close(permuted.log_likelihood_B(y), plain.log_likelihood_B(y))
    torch.testing.assert_close(permuted.prediction_B, plain.prediction_B)
    torch.testing.assert_close(permuted.variance_B, plain.variance_B)


def test_far_outliers_and_vanished_weights_stay_finite():
    log_weights = torch.tensor([[0.0, -torch.inf]], requires_grad=True)
    mean = torch.tensor([[0.0, 1e4]], requires_grad=True)
    output = mixture(log_weights, mean, torch.tensor([[math.log(1e-6)] * 2]))
    loss = -output.log_likelihood_B(torch.tensor([1e4]))
    loss.sum().backward()
    # (1e4)^2 / 1e-6 / 2 = 5e13, and the other expert, which is right, is not selected
    assert loss.item() == pytest.approx(5e13, rel=1e-3)
    assert mean.grad.isfinite().all() and mean.grad[0, 1] == 0


def test_runs_of_a_stack_keep_to_themselves():
    log_weights, mean, log_variance, y = drawn(3, 3)
    together = mixture(log_weights, mean, log_variance)
    for run in range(3):
        alone = mixture(log_weights[run], mean[run], log_variance[run])
        torch.testing.assert_close(together.log_likelihood_B(y)[run], alone.log_likelihood_B(y[run]))
        torch.testing.assert_close(together.variance_B[run], alone.variance_B)
    # one minibatch shared by the runs
    shared = together.log_likelihood_B(y[0])
    torch.testing.assert_close(shared[0], together.log_likelihood_B(y)[0])


def test_classes_have_the_same_questions():
    """log P_e(y) and log q(y) are looked up; shared targets are spread over the runs of a stack."""
    log_probs = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]]).log().expand(3, 1, 2, 2)
    output = ExpertOutput(log_probs, None).mix(None, lambda routing, log_probs: log_probs[..., 0, :])
    expected = torch.tensor([[0.5, 0.1]]).log().expand(3, 1, 2)
    torch.testing.assert_close(output.experts.log_likelihood_BE(torch.tensor([1])), expected)
    torch.testing.assert_close(output.log_likelihood_B(torch.tensor([1])), torch.full((3, 1), math.log(0.5)))
