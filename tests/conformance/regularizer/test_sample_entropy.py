import math

import pytest
import torch
from scipy.stats import entropy

from moe_lab.parts.regularizers.sample_entropy import SampleEntropy
from tests.conformance.cases import Case

CASE = Case(forms=[["regularizers.sample_entropy.goal=max"]])


def test_by_hand(sizes, step_of):
    # H(1, 0) = 0, H(1/2, 1/2) = log 2: mean log 2 / 2
    probs = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    step = step_of(probs_BE=probs)
    assert SampleEntropy(sizes(experts=2))(step).item() == pytest.approx(math.log(2) / 2)
    assert SampleEntropy(sizes(experts=2), goal="max")(step).item() == pytest.approx(-math.log(2) / 2)


def test_against_scipy(sizes, step_of, draw):
    probs = draw(7, 5).double().softmax(-1)
    value = SampleEntropy(sizes())(step_of(probs_BE=probs)).item()
    assert value == pytest.approx(entropy(probs.numpy(), axis=-1).mean())


@pytest.mark.parametrize(("goal", "sign"), [("min", 1), ("max", -1)])
def test_the_gradient_sharpens_or_flattens(sizes, step_of, goal, sign):
    logits = torch.tensor([[1.0, 0.0, 0.0]], requires_grad=True)
    SampleEntropy(sizes(experts=3), goal=goal)(step_of(probs_BE=logits.softmax(-1))).backward()
    assert sign * logits.grad[0, 0] < 0 < sign * logits.grad[0, 1]


def test_a_saturated_gate_has_finite_gradients(sizes, step_of):
    logits = torch.tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
    cost = SampleEntropy(sizes(experts=3))(step_of(probs_BE=logits.softmax(-1)))
    cost.backward()
    assert cost.item() == 0 and logits.grad.isfinite().all()
