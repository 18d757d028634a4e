import torch

from moe_lab.layers.stacking import count_parameters


def test_one_expert_and_no_gate(learner_of, draw, noise):
    mixture = learner_of("baseline=single", "gate=attentive").mixture
    # an expert is 12 * 6 + 6 + 6 * 4 + 4
    assert mixture.experts.count == 1 and count_parameters(mixture) == 106
    x = draw(7, 12)
    output = mixture(x, noise)
    torch.testing.assert_close(output.log_probs_BC, output.experts.log_probs_BEC[:, 0])
    assert torch.equal(output.routing.weights_BE, torch.ones(7, 1)) and output.routing.logits_BE is None
