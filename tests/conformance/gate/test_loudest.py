import torch

from moe_lab.routing.outputs import ExpertOutput
from tests.conformance.cases import GateCase

CASE = GateCase(k=[5], dense=True, steps=False, learns_from="nothing", no_layer="reads what experts predict")


def test_the_surest_expert_has_the_largest_weight_by_hand(gate_of, noise):
    log_probs = torch.tensor(
        [[[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0.25] * 4, [0.25] * 4, [0.5, 0.25, 0.125, 0.125]]]
    ).log()
    routing = gate_of("loudest")(torch.zeros(1, 12), ExpertOutput(log_probs, None), noise)
    # entropies 1, 0, 2, 2 and 1.75 bits
    bits = torch.tensor([[1.0, 0.0, 2.0, 2.0, 1.75]])
    torch.testing.assert_close(routing.extras["expert_entropy_BE"], bits)
    torch.testing.assert_close(routing.weights_BE, (-bits).softmax(-1))


def test_temperature(learner_of, draw, noise):
    log_probs = draw(7, 5, 4).log_softmax(-1)
    cold = learner_of("gate=loudest", "gate.temperature=0.001").mixture.gate(
        draw(7, 12), ExpertOutput(log_probs, None), noise
    )
    surest = cold.extras["expert_entropy_BE"].argmin(-1)
    torch.testing.assert_close(cold.weights_BE[torch.arange(7), surest], torch.ones(7))


def test_the_mixture_shows_it_what_the_experts_say_and_takes_no_gradient(learner_of, draw, noise):
    mixture = learner_of("gate=loudest").mixture
    output = mixture(draw(7, 12), noise)
    entropy = torch.special.entr(output.experts.log_probs_BEC.exp()).sum(-1) / torch.tensor(2.0).log()
    torch.testing.assert_close(output.routing.extras["expert_entropy_BE"], entropy)
    assert not output.routing.weights_BE.requires_grad and not list(mixture.gate.parameters())


def test_no_label_is_read_outside_the_loss(learner_of, draw, noise):
    """The gate is given inputs and outputs of experts, and evaluation is the same arithmetic."""
    mixture, x = learner_of("gate=loudest").mixture, draw(7, 12)
    trained = mixture(x, noise).routing.weights_BE
    torch.testing.assert_close(mixture.eval()(x, noise).routing.weights_BE, trained)


def test_permuting_experts_permutes_the_weights(gate_of, draw, noise):
    gate, log_probs, order = gate_of("loudest"), draw(7, 5, 4).log_softmax(-1), torch.tensor([3, 0, 4, 1, 2])
    weights = gate(draw(7, 12), ExpertOutput(log_probs, None), noise).weights_BE
    permuted = gate(draw(7, 12), ExpertOutput(log_probs[:, order], None), noise).weights_BE
    torch.testing.assert_close(permuted, weights[:, order])
