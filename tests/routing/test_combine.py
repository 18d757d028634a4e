"""Both rules of combination against hand arithmetic, a float64 oracle and finite differences."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck

from moe_lab.routing.combine import RULES, combine_logits, combine_probabilities, combine_selected
from moe_lab.routing.decision import Routing


def probabilities(log_weights, log_probs):
    return combine_probabilities(Routing(None, None, None, log_weights), log_probs)


def logits(weights, log_probs):
    return combine_logits(Routing(None, weights, None), log_probs)


def test_probabilities_by_hand():
    # two experts, two classes: q = .25 * (.8, .2) + .75 * (.4, .6) = (.5, .5)
    weights = torch.tensor([[0.25, 0.75]])
    probs = torch.tensor([[[0.8, 0.2], [0.4, 0.6]]])
    torch.testing.assert_close(probabilities(weights.log(), probs.log()).exp(), torch.tensor([[0.5, 0.5]]))


def test_logits_by_hand():
    # w = (2, 1), l = (ln 3, 0) and (0, ln 5): sum = (2 ln 3, ln 5), softmax = (9, 5) / 14
    weights = torch.tensor([[2.0, 1.0]])
    raw = torch.tensor([[[math.log(3), 0.0], [0.0, math.log(5)]]])
    expected = torch.tensor([[9 / 14, 5 / 14]])
    torch.testing.assert_close(logits(weights, raw.log_softmax(-1)).exp(), expected)
    # logits and log-probabilities differ by a constant in c, so they give the same
    torch.testing.assert_close(logits(weights, raw).exp(), expected)


def test_a_row_without_weight_predicts_every_class_alike():
    log_probs = torch.tensor([[[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]]]).log()
    torch.testing.assert_close(logits(torch.zeros(1, 2), log_probs), torch.full((1, 3), -math.log(3)))


def test_an_expert_that_is_not_selected_adds_neither_value_nor_gradient():
    log_weights = torch.tensor([[-torch.inf, 0.0]], requires_grad=True)
    log_probs = torch.tensor([[[0.0, -1e4], [-3.0, -0.05]]], requires_grad=True)
    combined = probabilities(log_weights, log_probs)
    torch.testing.assert_close(combined, log_probs[:, 1])
    combined.sum().backward()
    assert log_weights.grad[0, 0] == 0
    assert torch.equal(log_probs.grad[0, 0], torch.zeros(2))
    assert log_weights.grad.isfinite().all()


def test_probabilities_far_below_the_smallest_float():
    # P = e^-500 and e^-501 of two equal experts' weights: log q = -500 + log(.5 (1 + e^-1)) = -500 - .37989
    log_probs = torch.tensor([[[-500.0], [-501.0]]], requires_grad=True)
    combined = probabilities(torch.tensor([[0.5, 0.5]]).log(), log_probs)
    assert combined.item() == pytest.approx(-500 + math.log(0.5 * (1 + math.exp(-1))), abs=1e-4)
    combined.sum().backward()
    # responsibilities: 1 / (1 + e^-1) and its complement
    torch.testing.assert_close(log_probs.grad.flatten(), torch.tensor([0.7310586, 0.2689414]))


def test_a_weight_that_has_become_zero_still_learns():
    # the gate is sure by 110 nats of an expert that is wrong by 200: log q = -110, and the other expert is responsible
    scores = torch.tensor([[110.0, 0.0]], requires_grad=True)
    assert scores.softmax(-1)[0, 1] == 0
    combined = probabilities(scores.log_softmax(-1), torch.tensor([[[-200.0], [0.0]]]))
    assert combined.item() == pytest.approx(-110)
    combined.sum().backward()
    torch.testing.assert_close(scores.grad, torch.tensor([[-1.0, 1.0]]))


@given(st.sampled_from([0.1, 1.0, 10.0, 300.0]), st.integers(1, 6), st.integers(0, 2**31))
@settings(deadline=None, max_examples=80)
def test_value_and_gradients_against_float64(scale, kept, seed):
    """At any sharpness of gate and experts, with some experts not selected."""
    draw = torch.Generator().manual_seed(seed)
    scores = scale * torch.randn(4, 6, generator=draw)
    raw = scale * torch.randn(4, 6, 3, generator=draw)
    selected = scores.argsort(-1).argsort(-1) < kept
    results = []
    for kind in (torch.float32, torch.float64):
        z, l_ = scores.to(kind).requires_grad_(), raw.to(kind).requires_grad_()
        q = probabilities(z.masked_fill(~selected, -torch.inf).log_softmax(-1), l_.log_softmax(-1))
        results.append([q.detach(), *torch.autograd.grad(q[:, 0].sum(), [z, l_])])
    for ours, oracle in zip(*results, strict=True):
        torch.testing.assert_close(ours.double(), oracle, rtol=1e-4, atol=1e-4)


@given(st.integers(1, 4), st.integers(1, 5), st.integers(2, 4), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_probabilities_against_plain_arithmetic(samples, experts, classes, seed):
    draw = torch.Generator().manual_seed(seed)
    weights = torch.rand(samples, experts, generator=draw, dtype=torch.float64).softmax(-1)
    log_probs = torch.randn(samples, experts, classes, generator=draw, dtype=torch.float64).log_softmax(-1)
    plain = torch.einsum("be,bec->bc", weights, log_probs.exp()).log()
    torch.testing.assert_close(probabilities(weights.log(), log_probs), plain)


@pytest.mark.parametrize("rule", [probabilities, logits])
def test_gradients_against_finite_differences(rule):
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(3, 4, generator=draw, dtype=torch.float64).requires_grad_()
    log_probs = torch.randn(3, 4, 2, generator=draw, dtype=torch.float64).requires_grad_()
    assert gradcheck(rule, (weights, log_probs))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("selected", [0, 1, 3])
def test_the_selected_alone_give_the_same(rule, selected):
    """Of 40 experts the selected ones are combined, here fewer than k=3 as well, in runs of a stack as well."""
    source = torch.Generator().manual_seed(0)
    log_probs = torch.randn(2, 7, 40, 4, generator=source).log_softmax(-1)
    chosen = torch.rand(2, 7, 40, generator=source).argsort(-1) < selected
    weights = torch.where(chosen, torch.rand(2, 7, 40, generator=source), 0.0)
    weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-9)
    routing = Routing(weights, weights, chosen, weights.log())
    found, expected = combine_selected(rule, 3, routing, log_probs), RULES[rule](routing, log_probs)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
