"""Both rules of combination against hand arithmetic, a float64 oracle and finite differences."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from moe_lab.combine import combine_logits, combine_probabilities


def test_probabilities_by_hand():
    # two experts, two classes: q = .25 * (.8, .2) + .75 * (.4, .6) = (.5, .5)
    weights = torch.tensor([[0.25, 0.75]])
    probs = torch.tensor([[[0.8, 0.2], [0.4, 0.6]]])
    torch.testing.assert_close(combine_probabilities(weights, probs.log()).exp(), torch.tensor([[0.5, 0.5]]))


def test_logits_by_hand():
    # w = (2, 1), l = (ln 3, 0) and (0, ln 5): sum = (2 ln 3, ln 5), softmax = (9, 5) / 14
    weights = torch.tensor([[2.0, 1.0]])
    logits = torch.tensor([[[math.log(3), 0.0], [0.0, math.log(5)]]])
    expected = torch.tensor([[9 / 14, 5 / 14]])
    torch.testing.assert_close(combine_logits(weights, logits.log_softmax(-1)).exp(), expected)
    # logits and log-probabilities differ by a constant in c, so they give the same
    torch.testing.assert_close(combine_logits(weights, logits).exp(), expected)


def test_a_row_without_weight():
    log_probs = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]]).log()
    nothing = torch.zeros(1, 2)
    # logits: every class alike, loss log C
    torch.testing.assert_close(combine_logits(nothing, log_probs), torch.full((1, 3), -math.log(3)))
    assert combine_probabilities(nothing, log_probs).tolist() == [[-math.inf] * 3]


def test_an_expert_of_weight_zero_adds_neither_value_nor_gradient():
    weights = torch.tensor([[0.0, 1.0]], requires_grad=True)
    log_probs = torch.tensor([[[0.0, -1e4], [-3.0, -0.05]]], requires_grad=True)
    combined = combine_probabilities(weights, log_probs)
    torch.testing.assert_close(combined, log_probs[:, 1])
    combined.sum().backward()
    assert weights.grad[0, 0] == 0 and torch.equal(log_probs.grad[0, 0], torch.zeros(2))
    assert weights.grad.isfinite().all() and log_probs.grad.isfinite().all()


def test_probabilities_far_below_the_smallest_float():
    # P = e^-500 and e^-501 of two equal experts' weights: log q = -500 + log(.5 (1 + e^-1)) = -500 - .37989
    log_probs = torch.tensor([[[-500.0], [-501.0]]], requires_grad=True)
    combined = combine_probabilities(torch.tensor([[0.5, 0.5]]), log_probs)
    assert combined.item() == pytest.approx(-500 + math.log(0.5 * (1 + math.exp(-1))), abs=1e-4)
    combined.sum().backward()
    # responsibilities: 1 / (1 + e^-1) and its complement
    torch.testing.assert_close(log_probs.grad.flatten(), torch.tensor([0.7310586, 0.2689414]))


@given(st.integers(1, 4), st.integers(1, 5), st.integers(2, 4), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_probabilities_against_plain_arithmetic(samples, experts, classes, seed):
    draw = torch.Generator().manual_seed(seed)
    weights = torch.rand(samples, experts, generator=draw, dtype=torch.float64)
    weights = weights * (torch.rand(samples, experts, generator=draw) > 0.3)
    weights[:, 0] += 0.1
    log_probs = torch.randn(samples, experts, classes, generator=draw, dtype=torch.float64).log_softmax(-1)
    plain = torch.einsum("be,bec->bc", weights, log_probs.exp()).log()
    torch.testing.assert_close(combine_probabilities(weights, log_probs), plain)


@pytest.mark.parametrize("rule", [combine_probabilities, combine_logits])
def test_gradients_against_finite_differences(rule):
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(3, 4, generator=draw, dtype=torch.float64).requires_grad_()
    log_probs = torch.randn(3, 4, 2, generator=draw, dtype=torch.float64).requires_grad_()
    assert gradcheck(rule, (weights, log_probs))
