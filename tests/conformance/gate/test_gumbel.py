"""arXiv:1611.01144: one expert forward, the relaxation backward."""

import pytest
import torch

from moe_lab.layers.noise import Noise, generator
from tests.conformance.cases import GateCase

CASE = GateCase(k=[1], dense=True, steps=False)


def test_experts_are_drawn_by_probability(gate_of, draw, noise):
    gate = gate_of("gumbel")
    x = draw(1, 12).expand(100_000, 12)
    routing = gate(x, None, noise)
    assert ((routing.weights_BE == 0) | (routing.weights_BE == 1)).all() and (routing.selected_BE.sum(-1) == 1).all()
    # standard error at most .0016
    torch.testing.assert_close(routing.weights_BE.mean(0), routing.probs_BE[0], atol=0.006, rtol=0)
    torch.testing.assert_close(routing.probs_BE[0], gate.score(x[:1], None, noise)[0].softmax(-1))


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_the_gradient_is_that_of_the_relaxed_weights(learner_of, draw, temperature):
    gate = learner_of("gate=gumbel", f"gate.temperature={temperature}").mixture.gate
    x, value = draw(7, 12), draw(7, 5)
    routing = gate(x, None, Noise([generator(1, "noise")]))
    [got] = torch.autograd.grad((routing.weights_BE * value).sum(), routing.logits_BE)
    logits = routing.logits_BE.detach().requires_grad_()
    relaxed = ((logits + Noise([generator(1, "noise")]).gumbel(logits)) / temperature).softmax(-1)
    [expected] = torch.autograd.grad((relaxed * value).sum(), logits)
    torch.testing.assert_close(got, expected)
    assert torch.equal(routing.weights_BE.argmax(-1), relaxed.argmax(-1))


def test_no_draw_at_test(gate_of, draw, noise):
    gate, x = gate_of("gumbel").eval(), draw(7, 12)
    routing = gate(x, None, noise)
    assert torch.equal(routing.weights_BE.argmax(-1), gate.score(x, None, noise).argmax(-1))
    assert torch.equal(gate(x, None, noise).weights_BE, routing.weights_BE)


def test_permuting_experts_permutes_the_weights(gate_of, draw, noise):
    gate, x, order = gate_of("gumbel").eval(), draw(7, 12), torch.tensor([3, 0, 4, 1, 2])
    weights, head = gate(x, None, noise).weights_BE, gate.score.head
    head.weight_IO.data, head.bias_1O.data = head.weight_IO.data[:, order], head.bias_1O.data[:, order]
    torch.testing.assert_close(gate(x, None, noise).weights_BE, weights[:, order])
