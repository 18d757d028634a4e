import pytest
import torch

from moe_lab.experiment import job
from moe_lab.parts.objectives.competitive import Competitive
from moe_lab.parts.objectives.mixture import Mixture
from tests.conformance.cases import Case

CASE = Case(numbers=["objective.exponent=0.5"], dense=True, forms=[["objective.exponent=0.5"]])


#: E = 2, C = 2; the true class 0
WEIGHTS = torch.tensor([[0.25, 0.75]])
PROBS = torch.tensor([[[0.64, 0.36], [0.04, 0.96]]])


def test_by_hand(sizes, step_of):
    step = step_of(log_weights_BE=WEIGHTS.log(), log_probs_BEC=PROBS.log(), y_B=torch.tensor([0]))
    # .25 * .64 + .75 * .04 = .19; with the exponent 1/2: .25 * .8 + .75 * .2 = .35
    torch.testing.assert_close(Competitive(sizes())(step), -torch.tensor([0.19]).log())
    torch.testing.assert_close(Competitive(sizes(), exponent=0.5)(step), -torch.tensor([0.35]).log())


def test_half_is_the_gaussian_of_the_cross_entropy(sizes, step_of, draw):
    """-log sum_e w_e exp(-l_e / 2), as arXiv:2302.14703's code writes it."""
    log_weights, log_probs, y = draw(7, 5).log_softmax(-1), draw(7, 5, 4).log_softmax(-1), torch.arange(7) % 4
    cross_entropy = -log_probs[torch.arange(7), :, y]
    expected = -(log_weights.exp() * (-cross_entropy / 2).exp()).sum(-1).log()
    step = step_of(log_weights_BE=log_weights, log_probs_BEC=log_probs, y_B=y)
    torch.testing.assert_close(Competitive(sizes(), exponent=0.5)(step), expected)


@pytest.mark.parametrize("words", [[], ["k=2"], ["gate=attentive"]], ids=str)
def test_with_exponent_one_it_is_the_mixture(learner_of, draw, noise, step_of, sizes, words):
    mixture = learner_of(*words).mixture
    y = torch.arange(7) % 4
    output = mixture(draw(7, 12), noise)
    step = step_of(
        log_weights_BE=output.routing.log_weights_BE,
        log_probs_BEC=output.experts.log_probs_BEC,
        log_probs_BC=output.log_probs_BC,
        y_B=y,
    )
    torch.testing.assert_close(Competitive(sizes())(step), Mixture(sizes())(step))


def test_one_job_under_two_names():
    def key(*words):
        return job.prepare(["objective=competitive", *words]).key

    assert key() == job.prepare([]).key
    assert key("k=2") == job.prepare(["k=2"]).key
    others = {key("objective.exponent=0.5"), key("gate.combine=logits"), job.prepare(["gate.combine=logits"]).key}
    assert len(others | {key()}) == 4


def test_an_expert_that_is_not_selected_gets_nothing(sizes, step_of):
    log_weights = torch.tensor([[0.0, -torch.inf]])
    log_probs = PROBS.log().requires_grad_()
    loss = Competitive(sizes())(step_of(log_weights_BE=log_weights, log_probs_BEC=log_probs, y_B=torch.tensor([0])))
    loss.sum().backward()
    torch.testing.assert_close(loss, -torch.tensor([0.64]).log())
    assert log_probs.grad[0].tolist() == [[-1, 0], [0, 0]]
