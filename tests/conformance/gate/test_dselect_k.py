"""arXiv:2106.03760: selectors by hand, as the authors' code has them, and at the edges of the smooth step."""

import math

import numpy as np
import pytest
import torch
from scipy.special import comb

from moe_lab.parts.gates.dselect_k import log_normalized, smooth_step
from moe_lab.routing.outputs import ExpertOutput
from tests.conformance.cases import GateCase

CASE = GateCase(
    selects_k=False,
    steps=False,
    signed=[],  # its selectors have logits, its experts have none
)


def gate_with(learner_of, bits, mixing, experts, k):
    """A gate whose selectors' t and scores are given, whatever the input."""
    gate = learner_of("gate=dselect_k", f"k={k}", "experts=mlp", f"experts.count={experts}").mixture.gate
    for layer, value in ((gate.bits, bits), (gate.mixing, mixing)):
        layer.weight_IO.data.zero_()
        layer.bias_1O.data.copy_(torch.as_tensor(value).flatten())
    return gate


def test_the_smooth_step():
    t = torch.linspace(-1, 1, 201, dtype=torch.float64)
    # the cubic smooth step 3 u^2 - 2 u^3 of u = t + 1/2, cut to 0 .. 1
    u = (t + 0.5).clamp(0, 1)
    torch.testing.assert_close(smooth_step(t), 3 * u**2 - 2 * u**3)
    # its general form (Hazimeh et al. 2020): u^2 sum_n comb(1 + n, n) comb(3, 1 - n) (-u)^n
    general = u**2 * sum(comb(1 + n, n) * comb(3, 1 - n) * (-u) ** n for n in range(2))
    torch.testing.assert_close(smooth_step(t), general)


def test_two_selectors_of_four_experts_by_hand(learner_of, noise):
    """S(0) = 1/2, S(.25) = -2/64 + 3/8 + 1/2 = 27/32, S(.5) = 1; the least bit is the first."""
    gate = gate_with(learner_of, [[0.0, 0.25], [0.5, 0.25]], np.log([1, 3]), experts=4, k=2)
    routing = gate(torch.zeros(1, 12), None, noise)
    first = torch.tensor([0.5 * 5 / 32, 0.5 * 5 / 32, 0.5 * 27 / 32, 0.5 * 27 / 32])
    second = torch.tensor([0.0, 5 / 32, 0.0, 27 / 32])
    torch.testing.assert_close(routing.weights_BE[0], 0.25 * first + 0.75 * second)
    # the entropies of products of bits are sums: (log 2 + h) + (0 + h), h that of 5/32
    h = -(5 / 32 * math.log(5 / 32) + 27 / 32 * math.log(27 / 32))
    assert routing.extras["selector_entropy"].item() == pytest.approx(math.log(2) + 2 * h, rel=1e-5)


def test_settled_selectors_choose_at_most_k(learner_of, noise):
    gate = gate_with(learner_of, [[0.6, -0.6], [0.6, 0.6]], [0.0, 0.0], experts=4, k=2)
    routing = gate(torch.zeros(1, 12), None, noise)
    assert routing.weights_BE.tolist() == [[0, 0.5, 0, 0.5]]
    assert routing.selected_BE.tolist() == [[False, True, False, True]]
    assert routing.extras["selector_entropy"] == 0


def test_of_five_experts_rows_are_divided_by_their_sums(learner_of, noise):
    """At t = 0 every one of eight codes has 1/8; five are experts, and their sum is 5/8."""
    gate = gate_with(learner_of, torch.zeros(1, 3), [0.0], experts=5, k=1)
    routing = gate(torch.zeros(1, 12), None, noise)
    torch.testing.assert_close(routing.weights_BE, torch.full((1, 5), 0.2))
    # entropy 5/8 log 8, and the barrier 8/5
    expected = 5 / 8 * math.log(8) + 8 / 5
    assert routing.extras["selector_entropy"].item() == pytest.approx(expected, rel=1e-5)


def test_selectors_outside_the_experts(learner_of, noise):
    """All bits set: code 7 of five experts. Every expert gets 1/5, and nothing is infinite."""
    gate = gate_with(learner_of, torch.full((2, 3), 0.6), [0.0, 0.0], experts=5, k=2)
    routing = gate(torch.zeros(3, 12), None, noise)
    torch.testing.assert_close(routing.weights_BE, torch.full((3, 5), 0.2))
    (routing.log_weights_BE.sum() + routing.extras["selector_entropy"]).backward()
    assert routing.extras["selector_entropy"].isfinite() and gate.bits.bias_1O.grad.isfinite().all()


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7])
def test_just_inside_is_finite(learner_of, noise, distance):
    gate = gate_with(learner_of, torch.full((2, 3), 0.5 - distance), [0.0, 0.0], experts=5, k=2)
    routing = gate(torch.zeros(3, 12), None, noise)
    torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(3))
    (routing.log_weights_BE.sum() + routing.extras["selector_entropy"]).backward()
    assert gate.bits.bias_1O.grad.isfinite().all()


def test_it_starts_even(gate_of, draw, noise):
    """t starts in +-gamma / 100 for weights and biases: no expert is far from 1 / E."""
    weights = gate_of("dselect_k")(draw(7, 12), None, noise).weights_BE
    assert (weights - 0.2).abs().max() < 0.05


def test_weights_sum_to_one_in_log_space():
    rows = torch.tensor([[0.2, 0.0, 0.3], [0.0, 0.0, 0.0]])
    expected = torch.tensor([[0.4, 0.0, 0.6], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(log_normalized(rows).exp(), expected)


def test_the_gate_learns_which_expert_is_right(learner_of, draw, noise):
    """Steps against the gradient move the weight to the expert that is right, at k = 1 and 2."""
    for k in (1, 2):
        gate = learner_of("gate=dselect_k", f"k={k}").mixture.gate
        x = draw(64, 12)
        optimizer = torch.optim.Adam(gate.parameters(), lr=0.01)
        for _ in range(60):
            optimizer.zero_grad()
            (-gate(x, None, noise).log_weights_BE[:, 3].mean()).backward()
            optimizer.step()
        assert (gate(x, None, noise).weights_BE[:, 3] > 0.99).float().mean() > 0.9


@pytest.mark.parametrize("k", [1, 2, 5])
def test_a_step_follows_whether_the_best_expert_was_right(learner_of, draw, noise, k):
    """The sign test of gates without scores: a small step against the gradient of the mixture's loss gives the expert
    of the largest weight more of it where it is right, and less where it is wrong."""
    for chance, sign in ((0.97, 1), (0.01, -1)):
        mixture = learner_of("gate=dselect_k", f"k={k}").mixture
        x = draw(1, 12)
        before = mixture.gate(x, None, noise).weights_BE[0]
        best = before.argmax()
        probs = torch.full((1, 5, 4), 0.25)
        probs[0, best] = torch.tensor([chance, *[(1 - chance) / 3] * 3])
        output = ExpertOutput(probs.log(), None)
        mixture.experts.of_all = lambda computed, output=output: output
        (-mixture(x, noise).log_probs_BC[0, 0]).backward()
        for parameter in mixture.gate.parameters():
            parameter.data -= 1e-3 * parameter.grad
        assert (mixture.gate(x, None, noise).weights_BE[0, best] - before[best]).sign() == sign
