"""Every pair of gate and objective: refused with a reason, or trained."""

from pathlib import Path

import pytest
import torch

from moe_lab import job
from moe_lab.config.compose import options
from moe_lab.errors import ConfigError
from moe_lab.mixture import build_learner
from moe_lab.noise import Noise, generator
from moe_lab.parts import Step
from moe_lab.teaching import config_of, pairs, table, task_of

DOCUMENT = Path(__file__).parents[1] / "docs" / "pairs.md"
#: samples, shape, classes, steps
B, SHAPE, C, STEPS = 48, (1, 4, 8), 4, 30

#: words for an objective that is for numbers
NUMBERS = ["dataset=toy_piecewise", "experts=gaussian"]


@pytest.fixture(scope="module")
def every_pair():
    return list(pairs())


def test_the_document_is_up_to_date():
    assert DOCUMENT.read_text() == table(), "run: python -m moe_lab.teaching > docs/pairs.md"


def test_every_gate_has_an_objective_and_every_objective_a_gate(every_pair):
    allowed = [(gate, objective) for gate, objective, why in every_pair if why is None]
    assert {gate for gate, _ in allowed} == set(options("gate"))
    assert {objective for _, objective in allowed} == set(options("objective"))


def test_refusals_are_those_of_composition(every_pair):
    """A pair of each reason: the command line says the same."""
    of_reason = {why: (gate, objective) for gate, objective, why in every_pair if why is not None}
    assert len(of_reason) >= 8
    for why, (gate, objective) in of_reason.items():
        words = NUMBERS if task_of(objective) == "regression" else []
        with pytest.raises(ConfigError) as refused:
            job.prepare([f"gate={gate}", f"objective={objective}", *words])
        assert str(refused.value).endswith(why.removeprefix("does not fit this gate: "))


def blobs():
    """Four classes about four points: what a small mixture learns in a few steps."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(B) % C
    return 2 * torch.randn(C, 32, generator=draw)[y] + 0.5 * torch.randn(B, 32, generator=draw), y


def mean_losses(gate, objective, steps):
    config, numbers = config_of(gate, objective), task_of(objective) == "regression"
    learner = build_learner({**config, "experts": {**config["experts"], "hidden": 8}}, SHAPE, 0 if numbers else C, 0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
    x, y = blobs()
    y = y - 1.5 if numbers else y
    noise = Noise([generator(0, "noise")])
    mixture = learner.mixture
    for _ in range(steps):
        _, losses = learner.losses(Step(x, y, mixture(x, noise), mixture.gate, mixture.experts, noise))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        yield losses.total.item()


@pytest.mark.parametrize("gate", options("gate"))
def test_every_allowed_pair_trains(every_pair, gate):
    """Thirty steps: no NaN, and the loss of the last five is lower than that of the first five."""
    for name, objective, why in every_pair:
        if name == gate and why is None:
            losses = torch.tensor(list(mean_losses(gate, objective, STEPS)))
            assert losses.isfinite().all(), objective
            assert losses[-5:].mean() < losses[:5].mean(), objective
