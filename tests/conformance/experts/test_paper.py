"""Sizes of arXiv:2302.14703's experts, from its code."""

import pytest

from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner

EXPERTS = [
    ("mnist", (1, 28, 28), 10, 5, 1_382),
    ("fashion_mnist", (1, 28, 28), 10, 5, 13_300),
    ("combined", (1, 28, 28), 12, 6, 1_448),
    ("cifar10", (3, 32, 32), 10, 5, 10_490),
    ("cifar100", (3, 32, 32), 100, 20, 72_260),
    ("cifar100_256", (3, 32, 32), 100, 20, 911_012),
]


@pytest.mark.parametrize(("data", "shape", "classes", "count", "parameters"), EXPERTS)
def test_parameters_of_an_expert(data, shape, classes, count, parameters):
    config = compose([f"experts=paper_{data}", "gate/score=linear"])
    experts = build_learner(config, shape, classes, 0).mixture.experts
    assert experts.count == count
    assert sum(p.numel() for p in experts.parameters()) == count * parameters
