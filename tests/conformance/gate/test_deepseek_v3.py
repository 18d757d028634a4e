"""arXiv:2412.19437: biased sigmoids select, within the best groups; the weights are s / sum s, times 2.5."""

import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

CASE = GateCase(
    mixes="never",
    grows=True,
    forms=[
        ["gate.weigh.scale=1.0"],
        ["experts.count=6", "gate.select.groups=3", "gate.select.top_groups=2"],
    ],
)


def groups_of_three(learner_of):
    words = ("experts.count=9", "gate.select.groups=3", "k=2", "controller=[loss_free_bias]")
    return learner_of("gate=deepseek_v3", *words)


def test_by_hand(learner_of, noise):
    gate = groups_of_three(learner_of).mixture.gate
    # sums of two: .9 + .2 = 1.1, .6 + .4 = 1 and .5 + .45 = .95; of the first group .9 and .2 of 1.1
    s = torch.tensor([[0.9, 0.2, 0.1, 0.6, 0.4, 0.3, 0.5, 0.45, 0.4]])
    routing = gate.route(s.logit(), noise)
    expected = torch.tensor([[0.9 / 1.1, 0.2 / 1.1, 0, 0, 0, 0, 0, 0, 0]]) * 2.5
    torch.testing.assert_close(routing.weights_BE, expected)
    torch.testing.assert_close(routing.probs_BE, s / 3.85)
    assert combine_rule(gate) == "logits"
    # with a bias of .2 the second group has 1.4: .6 and .4 of 1, which the bias does not enter
    gate.select.selection_bias_1E.copy_(torch.tensor([[0, 0, 0, 0.2, 0.2, 0.2, 0, 0, 0]]))
    routing = gate.route(s.logit(), noise)
    torch.testing.assert_close(routing.weights_BE, torch.tensor([[0, 0, 0, 0.6, 0.4, 0, 0, 0, 0]]) * 2.5)
    torch.testing.assert_close(routing.probs_BE, s / 3.85)


def test_one_expert_is_not_renormalized(gate_of, draw, noise):
    """As the published code has it: a weight of 2.5 whatever the score would teach nothing."""
    gate, x = gate_of("deepseek_v3", 1), draw(7, 12)
    z = gate.score(x, None, noise)
    torch.testing.assert_close(gate(x, None, noise).weights_BE.amax(-1), 2.5 * z.amax(-1).sigmoid())


def test_the_controller_moves_the_bias(learner_of, draw, noise):
    """b_e falls by u = .001 where more than the mean of 7 x 2 / 9 samples chose e, and rises elsewhere."""
    learner = groups_of_three(learner_of)
    x, y = draw(7, 12), torch.arange(7) % 4
    step = learner.mixture.step(x, y, learner(x, noise), noise)
    learner.after_step(step, torch.ones_like)
    counts = step.routing.selected_BE.sum(0)
    expected = torch.where(counts > 14 / 9, -0.001, 0.001)
    torch.testing.assert_close(learner.mixture.gate.select.selection_bias_1E, expected.unsqueeze(0))
