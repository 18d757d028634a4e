"""A formula that changes unseen changes these losses. Renew them with ``python -m tests.golden`` (see there)."""

import copy
import json
from functools import cache

import pytest

from moe_lab.parts.regularizers.importance import Importance
from tests.golden.arms import ARMS, FILE, STEPS, Losses, differing, loop_of, losses

unbroken = cache(losses)


@pytest.fixture(scope="module")
def frozen() -> dict[str, dict[str, list[float]]]:
    return json.loads(FILE.read_text())


def test_every_arm_is_frozen(frozen):
    assert frozen.keys() == ARMS.keys()


@pytest.mark.parametrize("arm", ARMS)
def test_losses_are_what_they_were(frozen, arm):
    found = unbroken(arm)
    assert not differing(found, frozen[arm]), (found, frozen[arm])


def test_a_changed_formula_is_seen(frozen, monkeypatch):
    """A thousandth more of a regularizer."""
    arm, forward = "attentive with importance", Importance.forward
    monkeypatch.setattr(Importance, "forward", lambda self, step: 1.001 * forward(self, step))
    assert set(differing(losses(arm), frozen[arm])) >= {"regularizer_importance", "steps"}


@pytest.mark.parametrize("arm", ARMS)
def test_a_resumed_training_has_the_same_bits(arm):
    """Paused in the middle of an epoch, and gone on with in a new loop from its state alone."""
    broken = loop_of(arm, Losses(pause_after=STEPS + 2))
    while broken.epoch():
        pass
    watch = Losses()
    resumed = loop_of(arm, watch)
    resumed.load_state_dict(copy.deepcopy(broken.state_dict()))
    while not resumed.finished:
        resumed.epoch()
    assert watch.steps == unbroken(arm)["steps"][STEPS + 2 :]
