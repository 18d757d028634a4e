import math

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.controllers.temperature import Temperature
from tests.conformance.cases import Case

CASE = Case(
    structure=["controllers.temperature.schedule=linear"],
    numbers=["controllers.temperature.start=2.0"],
    forms=[
        ["controllers.temperature.schedule=linear"],
        ["gate=top_k", *(f"controllers.temperature.{key}" for key in ("schedule=dual", "target_bits=0.5", "rate=0.5"))],
        ["controllers.temperature.schedule=steps", "controllers.temperature.steps=[3,2,1]"],
    ],
)


def temperatures(learner_of, *options, shares=(0.0, 0.25, 0.5, 1.0)):
    learner = learner_of("controller=[temperature]", *(f"controllers.temperature.{one}" for one in options))
    found = []
    for share in shares:
        learner.before_step(torch.tensor(share))
        found.append(learner.mixture.gate.weigh.temperature_11.item())
        assert learner.controllers["temperature"].readings()["temperature"].item() == found[-1]
    return found


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # 4 - 3 s
        ("linear", [4.0, 3.25, 2.5, 1.0]),
        # 4 (1/4)^s
        ("exponential", [4.0, 4 / 2**0.5, 2.0, 1.0]),
        # 1 + 3 (1 + cos pi s) / 2
        ("cosine", [4.0, 1 + 1.5 * (1 + 2**-0.5), 2.5, 1.0]),
    ],
)
def test_schedules_by_hand(learner_of, schedule, expected):
    assert temperatures(learner_of, f"schedule={schedule}", "start=4", "end=1") == pytest.approx(expected)


def test_steps_of_equal_length(learner_of):
    """Three temperatures: until 1/3, until 2/3, to the end."""
    shares = (0.0, 0.33, 0.34, 0.66, 0.67, 1.0)
    found = temperatures(learner_of, "schedule=steps", "steps=[10,1,0.5]", shares=shares)
    assert found == [10, 10, 1, 1, 0.5, 0.5]


def test_by_default_it_falls_exponentially_from_1_to_a_tenth(learner_of):
    assert temperatures(learner_of, shares=(0.0, 0.5, 1.0)) == pytest.approx([1.0, 0.1**0.5, 0.1])


def test_dual_by_hand(sizes, learner_of, step_of):
    words = [f"controllers.temperature.{one}" for one in ("schedule=dual", "start=2", "target_bits=0.75", "rate=0.5")]
    learner = learner_of("controller=[temperature]", *words)
    controller = learner.controllers["temperature"]
    learner.before_step(torch.tensor(0.0))
    assert learner.mixture.gate.weigh.temperature_11.item() == 2
    # one sure sample and one with four even choices: 1 bit on average, 1/4 too much: 2 exp(-1/8)
    probs = torch.tensor([[1.0, 0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25, 0]])
    with torch.no_grad():
        controller.after_step(step_of(probs_BE=probs))
    learner.before_step(torch.tensor(0.5))
    assert learner.mixture.gate.weigh.temperature_11.item() == pytest.approx(2 * math.exp(-0.125))


@pytest.mark.parametrize("target", [0.3, 1.5])
def test_dual_reaches_its_entropy(learner_of, draw, step_of, target):
    words = [f"controllers.temperature.{one}" for one in ("schedule=dual", f"target_bits={target}", "rate=0.5")]
    learner, x = learner_of("controller=[temperature]", *words), draw(64, 12)
    with torch.no_grad():
        for _ in range(100):
            learner.before_step(torch.tensor(0.0))
            routing = learner(x, None).routing
            learner.controllers["temperature"].after_step(step_of(probs_BE=routing.probs_BE))
    bits = torch.special.entr(routing.probs_BE).sum(-1).mean() / math.log(2)
    assert bits.item() == pytest.approx(target, abs=0.01)


def test_weights_and_their_distribution_follow(learner_of, draw):
    learner, x = learner_of("gate=top_k", "controller=[temperature]"), draw(7, 12)
    warm = learner(x, None).routing
    learner.before_step(torch.tensor(1.0))
    cold = learner(x, None).routing
    torch.testing.assert_close(cold.probs_BE, (warm.logits_BE / 0.1).softmax(-1))
    assert torch.equal(cold.selected_BE, warm.selected_BE)
    assert "mixture.gate.weigh.temperature_11" in learner.state_dict()
    assert "mixture.gate.weigh.temperature_11" not in learner_of("gate=top_k").state_dict()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"target_bits": 1.0}, "target_bits belongs to schedule=dual; schedule=exponential has end"),
        ({"schedule": "cosine", "rate": 0.1}, "rate belongs to schedule=dual; schedule=cosine has end"),
        ({"schedule": "dual"}, "schedule=dual needs target_bits"),
        (
            {"schedule": "dual", "target_bits": 1.0, "end": 0.1},
            "end belongs to schedule=linear, exponential and cosine",
        ),
        ({"schedule": "steps"}, r"schedule=steps needs steps, for example controllers.temperature.steps=\[10,1,0.1\]"),
        ({"steps": [1.0, 2.0]}, "steps belongs to schedule=steps; schedule=exponential has end"),
        ({"schedule": "steps", "steps": [1.0], "end": 1.0}, "end belongs to schedule=linear, exponential and cosine"),
        ({"schedule": "dual", "target_bits": 2.33}, "must be less than log2 E = 2.32"),
    ],
    ids=str,
)
def test_numbers_that_a_schedule_does_not_read_are_refused(sizes, options, reason):
    with pytest.raises(ConfigError, match=reason):
        Temperature(sizes(), **options)
