"""Every pair of gate and objective: refused with a reason, or trained."""

from pathlib import Path

import pytest
import torch

from docs.pairs import table
from moe_lab.config.compose import options
from moe_lab.errors import ConfigError
from moe_lab.experiment import job
from moe_lab.experiment.building import build_learner
from moe_lab.experiment.pairs import config_of, of_numbers, pairs
from moe_lab.layers.noise import Noise, generator

DOCUMENT = Path(__file__).parents[2] / "docs" / "pairs.md"
#: samples, features, classes, steps
B, D, C, STEPS = 48, 16, 4, 30


@pytest.fixture(scope="module")
def every_pair():
    return list(pairs())


def test_the_document_is_up_to_date(every_pair):
    assert DOCUMENT.read_text() == table(every_pair), "run: python -m docs.pairs > docs/pairs.md"


def test_every_gate_has_an_objective_and_every_objective_a_gate(every_pair):
    allowed = [(gate, objective) for gate, objective, why in every_pair if why is None]
    assert {gate for gate, _ in allowed} == set(options("gate"))
    assert {objective for _, objective in allowed} == set(options("objective"))


def test_refusals_are_those_of_composition(every_pair):
    """A pair of each reason: the command line says the same."""
    of_reason = {why: (gate, objective) for gate, objective, why in every_pair if why is not None}
    assert len(of_reason) >= 8
    for why, (gate, objective) in of_reason.items():
        numbers = ["dataset=diabetes", "experts=gaussian"] if of_numbers(objective) else []
        with pytest.raises(ConfigError) as refused:
            job.prepare([f"gate={gate}", f"objective={objective}", *numbers])
        assert str(refused.value).endswith(why)


def blobs():
    """Four classes about four points: what a small mixture learns in a few steps."""
    draw = torch.Generator().manual_seed(0)
    y = torch.arange(B) % C
    return 2 * torch.randn(C, D, generator=draw)[y] + 0.5 * torch.randn(B, D, generator=draw), y


def mean_losses(config, steps, numbers):
    classes = 0 if numbers else C
    learner = build_learner({**config, "experts": {**config["experts"], "hidden": 8}}, (1, 4, 4), classes, 0)
    optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
    x, y = blobs()
    y = y.float() if numbers else y
    noise = Noise([generator(0, "noise")])
    mixture = learner.mixture
    for _ in range(steps):
        _, losses = learner.losses(mixture.step(x, y, mixture(x, noise), noise))
        optimizer.zero_grad()
        losses.total.backward()
        optimizer.step()
        yield losses.total.item()


@pytest.mark.parametrize("gate", options("gate"))
def test_every_allowed_pair_trains(every_pair, gate):
    """Thirty steps: no NaN, and the loss of the last five is lower than that of the first five."""
    for name, objective, why in every_pair:
        if name == gate and why is None:
            losses = torch.tensor(list(mean_losses(config_of(gate, objective), STEPS, of_numbers(objective))))
            assert losses.isfinite().all(), objective
            assert losses[-5:].mean() < losses[:5].mean(), objective


ONE = {"one expert": {}, "a baseline": {"baseline": {"_target_": "moe_lab.parts.baselines.single.Single"}}}


@pytest.mark.parametrize("gate", options("gate"))
@pytest.mark.parametrize("words", ONE.values(), ids=ONE.keys())
def test_one_expert_is_trained_or_refused(gate, words):
    """Nothing is found to be missing only while it trains; with the gate's own likelihood it always trains."""
    trained = set()
    for objective in options("objective"):
        config = config_of(gate, objective) | words
        config = {**config, "k": 1, "experts": {**config["experts"], "count": 1}}
        try:
            losses = torch.tensor(list(mean_losses(config, 2, of_numbers(objective))))
        except ConfigError:
            continue
        assert losses.isfinite().all(), objective
        trained.add(objective)
    assert {"mixture", "cooperative"} <= trained
