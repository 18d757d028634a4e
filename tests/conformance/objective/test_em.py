import pytest
import torch

from moe_lab.parts.objectives.competitive import Competitive
from moe_lab.parts.objectives.em import Em
from tests.conformance.cases import Case

CASE = Case(structure=["objective.responsibilities=hard"], dense=True, forms=[["objective.responsibilities=hard"]])


#: w P = (.16, .03): h = (16, 3) / 19
WEIGHTS = torch.tensor([[0.25, 0.75]])
PROBS = torch.tensor([[[0.64, 0.36], [0.04, 0.96]]])
JOINT = torch.tensor([0.16, 0.03])


def test_soft_by_hand(sizes, step_of):
    loss = Em(sizes())(step_of(log_weights_BE=WEIGHTS.log(), log_probs_BEC=PROBS.log(), y_B=torch.tensor([0])))
    h = torch.tensor([16 / 19, 3 / 19])
    torch.testing.assert_close(loss, -(h * JOINT.log()).sum(-1, keepdim=True))


def test_hard_by_hand(sizes, step_of):
    objective = Em(sizes(), responsibilities="hard")
    loss = objective(step_of(log_weights_BE=WEIGHTS.log(), log_probs_BEC=PROBS.log(), y_B=torch.tensor([0])))
    torch.testing.assert_close(loss, -JOINT[:1].log())


def test_of_equal_experts_the_lower_index_is_responsible(sizes, step_of):
    log_probs = torch.zeros(1, 3, 4).log_softmax(-1).requires_grad_()
    step = step_of(log_weights_BE=torch.zeros(1, 3).log_softmax(-1), log_probs_BEC=log_probs, y_B=torch.tensor([1]))
    Em(sizes(), responsibilities="hard")(step).sum().backward()
    assert log_probs.grad[0, :, 1].tolist() == [-1, 0, 0]


@pytest.mark.parametrize("words", [[], ["k=2"], ["gate=attentive"]], ids=str)
def test_the_gradient_of_a_soft_step_is_that_of_the_likelihood(learner_of, draw, noise, words):
    x, y = draw(7, 12).double(), torch.arange(7) % 4
    gradients = []
    for objective in ("em", "competitive", "mixture"):
        learner = learner_of(f"objective={objective}", *words).double()
        loss = learner.losses(step_for(learner, x, y, noise))[1].total
        gradients.append(torch.autograd.grad(loss, list(learner.parameters())))
    for of_em, of_competitive, of_mixture in zip(*gradients, strict=True):
        torch.testing.assert_close(of_em, of_mixture)
        torch.testing.assert_close(of_competitive, of_mixture)


def step_for(learner, x, y, noise):
    mixture = learner.mixture
    return mixture.step(x, y, mixture(x, noise), noise)


@pytest.mark.parametrize("responsibilities", ["soft", "hard"])
def test_experts_that_are_not_selected_or_hopeless_are_finite(sizes, step_of, responsibilities):
    log_weights = torch.tensor([[0.0, -torch.inf, -1e4]], requires_grad=True)
    log_probs = torch.tensor([[[-1e4, 0.0], [0.0, -1e4], [0.0, -1e4]]], requires_grad=True)
    objective = Em(sizes(), responsibilities=responsibilities)
    step = step_of(log_weights_BE=log_weights, log_probs_BEC=log_probs, y_B=torch.tensor([0]))
    loss = objective(step)
    loss.sum().backward()
    assert loss.isfinite().all() and log_weights.grad.isfinite().all() and log_probs.grad.isfinite().all()
    # the first and the last are equally good (-1e4), and the selected one counts
    assert log_weights.grad[0, 1] == 0


def test_soft_is_larger_than_the_likelihood_by_the_entropy(sizes, step_of, draw):
    log_weights, log_probs = draw(7, 5).log_softmax(-1), draw(7, 5, 4).log_softmax(-1)
    y = torch.arange(7) % 4
    step = step_of(log_weights_BE=log_weights, log_probs_BEC=log_probs, y_B=y)
    h = (log_weights + log_probs[torch.arange(7), :, y]).softmax(-1)
    torch.testing.assert_close(Em(sizes())(step), Competitive(sizes())(step) + torch.special.entr(h).sum(-1))
