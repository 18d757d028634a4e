"""arXiv:1712.01312: the hard concrete distribution by hand, and by Monte Carlo."""

import math

import pytest
import torch

from moe_lab.layers.noise import Noise
from tests.conformance.cases import GateCase

CASE = GateCase(
    k=[5],
    selects_k=False,
    mixes="never",
    steps=False,
    signed=["evaluation"],  # a weight that the noise has cut to 0 or 1 has no gradient
)


class Fixed(torch.nn.Module):
    """A score that gives the same logits whatever the input."""

    reads_experts = False

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.nn.Parameter(logits)

    def forward(self, x, experts, noise):
        return self.logits.expand(x.shape[0], -1)


class Half(Noise):
    """u = 0.25, always."""

    def uniform(self, like):
        return torch.full_like(like, 0.25)


@pytest.fixture
def gate(gate_of):
    made = gate_of("hard_concrete")
    made.score = Fixed(torch.tensor([[-9.0, -1.0, 0.0, 1.0, 9.0]]))
    return made


def sigmoid(z):
    return 1 / (1 + math.exp(-z))


def test_at_test_by_hand(gate, noise):
    weights = gate.eval()(torch.zeros(2, 12), None, noise).weights_BE
    # s (zeta - gamma) + gamma = 1.2 s - .1, cut to 0 .. 1
    expected = [0, 1.2 * sigmoid(-1) - 0.1, 0.5, 1.2 * sigmoid(1) - 0.1, 1]
    torch.testing.assert_close(weights, torch.tensor([expected, expected]))


def test_in_training_by_hand(gate):
    weights = gate(torch.zeros(1, 12), None, Half([])).weights_BE
    # logit(1/4) = -log 3; s = sigmoid((z - log 3) * 3 / 2)
    values = [1.2 * sigmoid((z - math.log(3)) * 1.5) - 0.1 for z in (-9, -1, 0, 1, 9)]
    torch.testing.assert_close(weights, torch.tensor([[min(1, max(0, v)) for v in values]]))


def test_the_probability_of_not_being_zero(gate, noise):
    """l0 = sigmoid(z - beta log(-gamma / zeta)) against 100,000 draws: standard error at most .0016."""
    routing = gate(torch.zeros(100_000, 12), None, noise)
    share = routing.selected_BE.float().mean(0)
    l0 = routing.extras["l0_BE"][0]
    # z = 0: sigmoid(2/3 log 11) = 11^(2/3) / (1 + 11^(2/3)) = .8318
    assert l0[2].item() == pytest.approx(11 ** (2 / 3) / (1 + 11 ** (2 / 3)))
    torch.testing.assert_close(share, l0, atol=0.006, rtol=0)
    torch.testing.assert_close(routing.probs_BE[0], l0 / l0.sum())


def test_the_mean_gradient_of_the_penalty_is_that_of_the_share(gate, noise):
    """The penalty is exact: d l0 / dz against a difference of the share of non-zero weights."""
    logits = gate.score.logits
    routing = gate(torch.zeros(1, 12), None, noise)
    [slope] = torch.autograd.grad(routing.extras["l0_BE"].sum(), logits)
    shares = []
    for shift in (-0.5, 0.5):
        gate.score.logits.data += shift
        drawn = gate(torch.zeros(200_000, 12), None, noise)
        shares.append(drawn.selected_BE.float().mean(0))
        gate.score.logits.data -= shift
    torch.testing.assert_close((shares[1] - shares[0]).unsqueeze(0), slope, atol=0.012, rtol=0)


def test_the_gate_decides_how_many(gate, gate_of, noise):
    routing = gate(torch.zeros(999, 12), None, noise)
    counts = routing.selected_BE.sum(-1)
    assert counts.min() < counts.max() and [*gate.usable_k] == [5]
    assert not gate.traits.rows_sum_to_one and routing.log_weights_BE is None


def test_noise_of_zero_and_saturated_scores_are_finite(gate):
    class Zero(Noise):
        def uniform(self, like):
            return torch.zeros_like(like)

    gate.score.logits.data *= 1e6
    routing = gate(torch.zeros(3, 12), None, Zero([]))
    (routing.weights_BE.sum() + routing.extras["l0_BE"].sum() + routing.probs_BE.square().sum()).backward()
    assert routing.weights_BE.isfinite().all() and gate.score.logits.grad.isfinite().all()


def test_permuting_experts_permutes_the_weights(gate):
    """Also in training, where every expert meets the same u here."""
    order, x = torch.tensor([3, 0, 4, 1, 2]), torch.zeros(2, 12)
    plain = gate(x, None, Half([]))
    gate.score.logits.data = gate.score.logits.data[:, order]
    permuted = gate(x, None, Half([]))
    for key in ("weights_BE", "probs_BE", "selected_BE"):
        torch.testing.assert_close(getattr(permuted, key), getattr(plain, key)[:, order])
