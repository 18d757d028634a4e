import math

import pytest
import torch
from torch import nn

from moe_lab.training.optimizers import learning_rate, make_optimizer, set_learning_rate
from moe_lab.training.options import Trainer


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        # steps 2 to 9 after two of warm-up: t = 0/8 .. 7/8
        ("constant", [1.0] * 8),
        ("linear", [1 - t / 8 for t in range(8)]),
        ("cosine", [(1 + math.cos(math.pi * t / 8)) / 2 for t in range(8)]),
    ],
)
def test_schedules_by_hand(schedule, expected):
    trainer = Trainer(lr=1.0, schedule=schedule, warmup_steps=2)
    rates = [learning_rate(trainer, step, 10) for step in range(10)]
    assert rates == pytest.approx([0.5, 1.0, *expected])


def test_warmup_longer_than_the_run():
    trainer = Trainer(lr=1.0, schedule="cosine", warmup_steps=100)
    assert [learning_rate(trainer, step, 3) for step in range(3)] == pytest.approx([0.01, 0.02, 0.03])


@pytest.mark.parametrize(
    ("optimizer", "after"),
    [
        # p = 1, gradient 2, lr .1, weight decay .5
        ("sgd", 1 - 0.1 * (2 + 0.5)),
        # Adam's first step is lr times the sign of the gradient (with its decay)
        ("adam", 1 - 0.1),
        # decoupled: p shrinks by lr * wd first
        ("adamw", 1 * (1 - 0.1 * 0.5) - 0.1),
    ],
)
def test_a_first_step_by_hand(optimizer, after):
    parameter = nn.Parameter(torch.ones(1))
    made = make_optimizer(Trainer(optimizer=optimizer, lr=0.1, weight_decay=0.5), [parameter])
    parameter.grad = torch.full((1,), 2.0)
    made.step()
    assert parameter.item() == pytest.approx(after, rel=1e-6)


def test_momentum_by_hand():
    # buffers 1, then .5 + 1: p = 0 - .1 - .15
    parameter = nn.Parameter(torch.zeros(1))
    made = make_optimizer(Trainer(optimizer="sgd", lr=0.1, momentum=0.5), [parameter])
    for _ in range(2):
        parameter.grad = torch.ones(1)
        made.step()
    assert parameter.item() == pytest.approx(-0.25)


def test_set_learning_rate():
    made = make_optimizer(Trainer(), [nn.Parameter(torch.zeros(1))])
    set_learning_rate(made, 0.25)
    assert [group["lr"] for group in made.param_groups] == [0.25]
