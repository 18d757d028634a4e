import math

import pytest
import torch

from moe_lab.parts.objectives.mixture import Mixture
from tests.conformance.cases import Case

CASE = Case(
    structure=["objective.second_softmax=true", "objective.second_softmax=prediction"],
    forms=[["objective.second_softmax=prediction"]],
    dense_forms=[["objective.second_softmax=true"]],
)


def test_the_negative_log_likelihood_of_each_sample(sizes, step_of):
    log_probs = torch.tensor([[0.5, 0.25, 0.125, 0.125], [0.1, 0.2, 0.3, 0.4]]).log()
    loss = Mixture(sizes())(step_of(log_probs_BC=log_probs, y_B=torch.tensor([1, 3])))
    torch.testing.assert_close(loss, -torch.tensor([0.25, 0.4]).log())


def test_the_second_softmax_has_a_floor(sizes, step_of):
    certain = torch.tensor([[[0.0, -torch.inf, -torch.inf, -torch.inf]] * 2])
    objective = Mixture(sizes(), second_softmax=True)
    # softmax of (1, 0, 0, 0): the true class gets e / (e + 3)
    step = step_of(log_probs_BEC=certain, weights_BE=torch.tensor([[0.25, 0.75]]), y_B=torch.tensor([0]))
    assert objective(step).item() == pytest.approx(math.log(1 + 3 / math.e))


def test_the_second_softmax_is_of_weighted_probabilities_with_one_expert_too(sizes, step_of):
    """Weights 0 and .4: softmax of .4 (.7, .1, .1, .1), whatever the rule by which the mixture answers."""
    log_probs = torch.tensor([[[0.25] * 4, [0.7, 0.1, 0.1, 0.1]]]).log()
    objective = Mixture(sizes(), second_softmax=True)
    step = step_of(log_probs_BEC=log_probs, weights_BE=torch.tensor([[0.0, 0.4]]), y_B=torch.tensor([0]))
    assert objective(step).item() == pytest.approx(math.log(1 + 3 * math.exp(0.04 - 0.28)))
    assert objective.needs_every_expert and not Mixture(sizes()).needs_every_expert


def test_a_second_softmax_of_the_prediction(sizes, step_of):
    """arXiv:2208.02813's code: cross entropy of logits that are probabilities, -log softmax(.7, .1, .1, .1)_0."""
    objective = Mixture(sizes(), second_softmax="prediction")
    step = step_of(log_probs_BC=torch.tensor([[0.7, 0.1, 0.1, 0.1]]).log(), y_B=torch.tensor([0]))
    assert objective(step).item() == pytest.approx(math.log(1 + 3 * math.exp(0.1 - 0.7)))
    assert not objective.needs_every_expert
