"""Sizes of arXiv:2302.14703's gates: parameters of the whole gate (body and last layer), from its code."""

import pytest

from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner

GATES = [
    # data, shape, E, classes, parameters
    ("mnist", (1, 28, 28), 5, 10, 26_063),
    ("fashion_mnist", (1, 28, 28), 5, 10, 709_413),
    ("combined", (1, 28, 28), 6, 12, 22_912),
    ("cifar10", (3, 32, 32), 5, 10, 1_502_661),
    ("cifar100", (3, 32, 32), 20, 100, 2_634_836),
    ("cifar100_256", (3, 32, 32), 20, 100, 3_917_332),
]


@pytest.mark.parametrize(("data", "shape", "experts", "classes", "parameters"), GATES)
def test_parameters_of_the_gate(data, shape, experts, classes, parameters):
    words = [f"gate/score/body=paper_{data}", "experts=linear", f"experts.count={experts}"]
    gate = build_learner(compose(words), shape, classes, 0).mixture.gate
    assert sum(p.numel() for p in gate.parameters()) == parameters


def test_an_attentive_gate_has_two_squares_for_the_last_layer():
    words = ["gate=attentive", "gate/score/body=paper_mnist", "experts=paper_mnist"]
    mixture = build_learner(compose(words), (1, 28, 28), 10, 0).mixture
    # the body 25,898, W_q and W_k 32 x 32; with five experts of 1,382: 34,856
    assert sum(p.numel() for p in mixture.gate.parameters()) == 25_898 + 2 * 32 * 32
    assert sum(p.numel() for p in mixture.parameters()) == 34_856
