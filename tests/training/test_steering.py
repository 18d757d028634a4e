"""Regularizers that act after a step, and controllers, in the training loop."""

import pytest
import torch

SEVERAL = [
    "k=2",
    "regularizer=[lasso,usage_kl]",
    "controller=[loss_free_bias,temperature,hard_constraint]",
    *(f"controllers.temperature.{key}" for key in ("schedule=dual", "target_bits=1", "rate=0.5")),
    *(f"controllers.hard_constraint.{key}" for key in ("margin=0.01", "until=0.7")),
    "controllers.loss_free_bias.rate=0.1",
]


def train(loop):
    while not loop.finished:
        loop.epoch()
    return loop.learner.state_dict()


def test_several_compose_and_a_resumed_run_is_the_unbroken_one(loop_of, same, after):
    unbroken = train(loop_of(*SEVERAL))
    for steps in (2, 4):
        watch = after(steps)
        loop = loop_of(*SEVERAL, watch=watch, pause_asked=watch)
        loop.epoch()
        if steps > 3:
            loop.epoch()
        resumed = loop_of(*SEVERAL)
        resumed.load_state_dict(loop.state_dict())
        assert same(train(resumed), unbroken)


def test_state_moves_with_training(loop_of):
    state = train(loop_of(*SEVERAL))
    assert state["mixture.gate.select.selection_bias_1E"].abs().sum() > 0
    assert state["controllers.temperature.temperature"].item() != 1
    assert state["controllers.hard_constraint.total_1E"].sum().item() == pytest.approx(3 * 90)


def test_progress_is_the_share_of_all_steps(loop_of):
    # 90 samples in batches of 32 are 3 steps an epoch: 9 in all, and the last sees 8 / 9
    words = ["controller=[temperature]", *(f"controllers.temperature.{k}" for k in ("schedule=linear", "start=10"))]
    state = train(loop_of(*words))
    expected = 10 + (0.1 - 10) * 8 / 9
    assert state["mixture.gate.weigh.temperature_11"].item() == pytest.approx(expected)


def test_the_lasso_gives_exact_zeros_with_every_optimizer(loop_of):
    words = ["gate/score=linear", "regularizer=[lasso]", "regularizers.lasso.weight=0.05"]
    for optimizer in ("adam", "adamw", "sgd"):
        state = train(loop_of(*words, epochs=10, optimizer=optimizer, lr=0.02))
        zeros = (state["mixture.gate.score.head.weight_IO"] == 0).float().mean()
        assert 0.1 < zeros < 1, optimizer


def test_a_constraint_that_is_over_changes_no_bit(loop_of):
    plain = train(loop_of("k=2"))
    until = "controllers.hard_constraint.until=0.0001"
    margin = "controllers.hard_constraint.margin=0.99"
    idle = train(loop_of("k=2", "controller=[hard_constraint]", until, margin))
    assert all(torch.equal(idle[name], value) for name, value in plain.items())
