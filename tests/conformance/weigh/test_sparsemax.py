"""Sparsemax by its own closed form, sorting, and as the projection that it is."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from moe_lab.config.build import build
from moe_lab.config.compose import compose
from moe_lab.parts.roles import Sizes

NODE = compose(["gate=sparsemax"])["gate"]["weigh"]


def sparsemax(scores):
    experts = scores.shape[-1]
    weigh = build(NODE, Sizes((2,), 3, experts, experts)).to(scores.dtype)
    return weigh(scores, torch.ones_like(scores, dtype=torch.bool))[1]


def by_sorting(scores):
    ordered = np.sort(scores)[::-1]
    sums = np.cumsum(ordered)
    size = np.arange(1, len(scores) + 1)
    support = size[1 + size * ordered > sums].max()
    return np.maximum(scores - (sums[support - 1] - 1) / support, 0)


def test_by_hand():
    # (.5, .3, -2): tau = (.8 - 1) / 2 = -.1
    torch.testing.assert_close(sparsemax(torch.tensor([[0.5, 0.3, -2.0]])), torch.tensor([[0.6, 0.4, 0.0]]))
    # a lead of one or more takes all
    torch.testing.assert_close(sparsemax(torch.tensor([[1.0, 0.0, -2.0]])), torch.tensor([[1.0, 0.0, 0.0]]))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=9))
@settings(deadline=None, max_examples=60)
def test_by_sorting(scores):
    scores = np.array(scores)
    np.testing.assert_allclose(sparsemax(torch.from_numpy(scores[None]))[0], by_sorting(scores), atol=1e-12)


def test_it_is_the_nearest_point_of_the_simplex(draw):
    scores = draw(5).double().numpy()
    found = minimize(
        lambda p: ((p - scores) ** 2).sum(),
        np.full(5, 0.2),
        bounds=[(0, 1)] * 5,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1},
        tol=1e-14,
    )
    np.testing.assert_allclose(sparsemax(torch.from_numpy(scores[None]))[0], found.x, atol=1e-5)
