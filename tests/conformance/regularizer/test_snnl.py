"""arXiv:1902.01889 and 2603.26734: the soft nearest neighbour loss of the gate's features."""

import math

import numpy as np
import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.regularizers.snnl import entanglement_nats, squared_distances
from tests.conformance.cases import Case

CASE = Case(numbers=["regularizers.snnl.weight=3.0", "regularizers.snnl.temperature=2.0"])
ONE = torch.ones(1, 1)


def test_by_hand():
    # d: 1 between the first two (same class), 4 from the first and 1 from the second to the third, alone in its class
    features, y = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([0, 0, 1])
    first = -math.log(math.exp(-1) / (math.exp(-1) + math.exp(-4)))
    second = math.log(2)
    value = entanglement_nats(features, y, ONE)
    assert value.item() == pytest.approx((first + second) / 2)
    # T = 2
    first = -math.log(math.exp(-0.5) / (math.exp(-0.5) + math.exp(-2)))
    assert entanglement_nats(features, y, 2 * ONE).item() == pytest.approx((first + second) / 2)


def test_the_double_sum_of_the_paper(draw):
    features, y = draw(9, 4).double(), torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2])
    terms = []
    for i in range(9):
        near = {j: np.exp(-(features[i] - features[j]).square().sum().item() / 0.7) for j in range(9) if j != i}
        terms.append(-np.log(sum(near[j] for j in near if y[j] == y[i]) / sum(near.values())))
    value = entanglement_nats(features, y, 0.7 * ONE.double())
    assert value.item() == pytest.approx(np.mean(terms))


def test_of_the_gates_features(learner_of, draw, noise):
    learner = learner_of("gate=top_k", "regularizer=[snnl]", "regularizers.snnl.temperature=0.5")
    x, y = draw(7, 12), torch.tensor([0, 0, 1, 1, 2, 2, 3])
    value = learner.regularizers["snnl"](learner.mixture.step(x, y, learner(x, noise), noise))
    features = learner.mixture.gate.score.body(x).relu()
    torch.testing.assert_close(value, entanglement_nats(features, y, 0.5 * ONE))
    value.backward()
    assert all(one.grad.abs().sum() > 0 for one in learner.mixture.gate.score.body.parameters())


def test_far_apart_classes_cost_nothing_and_mixed_ones_the_chance():
    # pairs of equal samples 1e3 apart: the other of the pair is the only neighbour
    y = torch.tensor([0, 0, 1, 1])
    apart = torch.tensor([[0.0], [0.0], [1e3], [1e3]])
    assert entanglement_nats(apart, y, ONE).item() == 0
    # all equal: one of three neighbours has the class
    assert entanglement_nats(torch.ones(4, 1), y, ONE).item() == pytest.approx(math.log(3))


@pytest.mark.parametrize("y", [[0], [0, 1, 2]], ids=["one sample", "no class twice"])
def test_without_neighbours_of_a_class_it_is_zero(draw, y):
    features = draw(len(y), 3).requires_grad_()
    value = entanglement_nats(features, torch.tensor(y), ONE)
    value.backward()
    assert value.item() == 0 and torch.equal(features.grad, torch.zeros_like(features))


def test_distances_far_from_zero_keep_their_digits(draw):
    x = draw(6, 3)
    exact = (x.unsqueeze(0) - x.unsqueeze(1)).square().sum(-1)
    torch.testing.assert_close(squared_distances(x + 100), exact, rtol=1e-3, atol=1e-4)


def test_gradients(draw):
    y = torch.tensor([0, 0, 1, 1, 2])

    def loss(features):
        return entanglement_nats(features, y, ONE.double())

    assert torch.autograd.gradcheck(loss, draw(5, 3).double().requires_grad_())


def test_a_gate_without_features_is_refused(learner_of):
    with pytest.raises(ConfigError, match="regularizer snnl needs a gate whose scores come from features of its own"):
        learner_of("gate/score=linear", "regularizer=[snnl]")


def test_batch_normalization_is_refused(learner_of):
    words = ["gate/score/body=conv", "gate.score.body.batch_norm=[0]", "regularizer=[snnl]"]
    with pytest.raises(ConfigError, match="batch normalization would count a batch twice"):
        learner_of(*words, shape=(1, 8, 8))
