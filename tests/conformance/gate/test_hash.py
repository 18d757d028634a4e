import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(learns_from="nothing")


def test_one_expert_with_all_the_weight(gate_of, draw, noise):
    gate, x = gate_of("hash"), draw(7, 12)
    routing = gate(x, None, noise)
    assert torch.equal(routing.weights_BE.argmax(-1), gate.score(x, None, noise).argmax(-1))
    assert torch.equal(routing.weights_BE.amax(-1), torch.ones(7)) and combine_rule(gate) == "logits"


def test_the_mixture_answers_as_its_expert_does(learner_of, draw, noise):
    mixture, x = learner_of("gate=hash").mixture, draw(7, 12)
    output = mixture(x, noise)
    own = output.experts.log_probs_BEC[output.routing.selected_BE]
    torch.testing.assert_close(output.log_probs_BC, own)


def test_several_experts_answer_with_their_mean(learner_of, draw, noise):
    mixture, x = learner_of("gate=hash", "k=2").mixture, draw(7, 12)
    output = mixture(x, noise)
    probs = output.experts.log_probs_BEC.exp() * output.routing.selected_BE.unsqueeze(-1)
    torch.testing.assert_close(output.log_probs_BC.exp(), probs.sum(-2) / 2)
