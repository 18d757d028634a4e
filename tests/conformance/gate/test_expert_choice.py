import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(selects_k=False, mixes="never", batch_dependent={"training", "evaluation"})


def test_p_where_an_expert_takes_the_sample(gate_of, draw, noise):
    gate, x = gate_of("expert_choice"), draw(20, 12)
    assert gate.sizes.k == 2 and combine_rule(gate) == "logits"
    routing, p = gate(x, None, noise), gate.score(x, None, noise).softmax(-1)
    # C = 2 * 20 / 5 = 8
    for e in range(5):
        taken = p[:, e].topk(8).indices
        torch.testing.assert_close(routing.weights_BE[taken, e], p[taken, e])
    assert (routing.selected_BE.sum(0) == 8).all()
    assert routing.selected_BE.sum(-1).float().mean() == 2


def test_evaluation_is_flagged(gate_of):
    assert gate_of("expert_choice").eval().batch_dependent


def test_other_weighings_leave_a_sample_without_experts_finite(learner_of, draw, noise):
    words = ["gate=top_k", "gate/select=expert_choice", "k=1"]
    for weigh in (["gate.weigh.over=all"], ["gate/weigh=sigmoid"], ["gate/weigh=relu"]):
        mixture = learner_of(*words, *weigh).mixture
        output = mixture(draw(40, 12), noise)
        output.log_probs_BC[:, 0].sum().backward()
        assert not output.routing.selected_BE.any(-1).all() and output.log_probs_BC.isfinite().all()
        assert all(parameter.grad.isfinite().all() for parameter in mixture.gate.parameters())
