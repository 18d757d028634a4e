import math

import pytest
import torch
from torch import nn

from moe_lab.training.optimizers import Optimizer, learning_rate
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
    made = Optimizer([Trainer(optimizer=optimizer, lr=0.1, weight_decay=0.5)], [parameter], steps=10)
    parameter.grad = torch.full((1,), 2.0)
    made.step()
    assert parameter.item() == pytest.approx(after, rel=1e-6)


def test_normalized_gradient_descent_by_hand():
    """Experts of gradient (3, 4), zero and (0, 2) step by lr along it, or not; the gate by gate_lr times its own."""
    experts, gate = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(2))
    trainer = Trainer(optimizer="normalized_gd", lr=0.1, gate_lr=0.5)
    made = Optimizer([trainer], [experts, gate], steps=10, experts=[experts])
    experts.grad = torch.tensor([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]])
    gate.grad = torch.tensor([10.0, -1.0])
    made.step()
    torch.testing.assert_close(experts.data, torch.tensor([[-0.06, -0.08], [0.0, 0.0], [0.0, -0.1]]))
    torch.testing.assert_close(gate.data, torch.tensor([-5.0, 0.5]))
    # step sizes of a proximal map: lr / |g| of an expert that moved, gate_lr of the gate
    torch.testing.assert_close(made.step_sizes(experts), torch.tensor([[0.02], [0.0], [0.05]]))
    torch.testing.assert_close(made.step_sizes(gate), torch.tensor([0.5]))


def test_normalized_runs_of_a_stack_step_as_alone():
    draw = torch.Generator().manual_seed(0)
    start = [torch.randn(2, 3, 4, generator=draw), torch.randn(2, 5, generator=draw)]
    trainers = [Trainer(optimizer="normalized_gd", lr=0.1, gate_lr=0.5), Trainer(optimizer="normalized_gd", lr=0.2)]
    stacked = [nn.Parameter(one.clone()) for one in start]
    together = Optimizer(trainers, stacked, steps=10, experts=stacked[:1])
    alone = [[nn.Parameter(one[run].clone()) for one in start] for run in range(2)]
    solos = [Optimizer([trainers[run]], alone[run], steps=10, experts=alone[run][:1]) for run in range(2)]
    for _ in range(3):
        for number, parameter in enumerate(stacked):
            gradient = torch.randn(parameter.shape, generator=draw)
            parameter.grad = gradient.clone()
            for run in range(2):
                alone[run][number].grad = gradient[run].clone()
        for one in (together, *solos):
            one.step()
    for number, parameter in enumerate(stacked):
        for run in range(2):
            torch.testing.assert_close(parameter[run], alone[run][number])


def test_momentum_by_hand():
    # buffers 1, then .5 + 1: p = 0 - .1 - .15
    parameter = nn.Parameter(torch.zeros(1))
    made = Optimizer([Trainer(optimizer="sgd", lr=0.1, momentum=0.5)], [parameter], steps=10)
    for _ in range(2):
        parameter.grad = torch.ones(1)
        made.step()
    assert parameter.item() == pytest.approx(-0.25)


def test_each_run_of_a_stack_has_the_rate_of_its_own_schedule():
    """Two steps an epoch: the first run is at t = 1/2 of its two steps, the others at 1/4 of four."""
    trainers = [Trainer(lr=1.0, schedule="linear", epochs=epochs) for epochs in (1, 2, 2)]
    made = Optimizer(trainers, [nn.Parameter(torch.zeros(3, 1))], steps=2)
    made.set_rates(1)
    assert made.rates() == pytest.approx([0.5, 0.75, 0.75])
    # beyond its last step a run keeps the rate of that step
    made.set_rates(3)
    assert made.rates() == pytest.approx([0.5, 0.25, 0.25])


NUMBERS = [{"lr": 0.1}, {"lr": 0.1}, {"lr": 0.01, "weight_decay": 0.1}, {"lr": 0.1}]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("numbers", [NUMBERS, NUMBERS[:1] * 4], ids=["own numbers", "equal numbers"])
def test_for_equal_gradients_a_stacked_step_has_the_bits_of_the_solo_step(optimizer, numbers):
    draw = torch.Generator().manual_seed(0)
    shapes = [(5, 3), (1, 7), ()]
    start = [torch.randn(4, *shape, generator=draw) for shape in shapes]
    trainers = [Trainer(optimizer=optimizer, **one) for one in numbers]
    stacked = [nn.Parameter(one.clone()) for one in start]
    together = Optimizer(trainers, stacked, steps=10)
    alone = [[nn.Parameter(one[run].clone()) for one in start] for run in range(4)]
    solos = [Optimizer([trainer], own, steps=10) for trainer, own in zip(trainers, alone, strict=True)]
    for step in range(20):
        gradients = [torch.randn(4, *shape, generator=draw) for shape in shapes]
        for parameter, gradient in zip(stacked, gradients, strict=True):
            parameter.grad = gradient.clone()
        together.set_rates(step)
        together.step()
        for run, solo in enumerate(solos):
            for parameter, gradient in zip(alone[run], gradients, strict=True):
                parameter.grad = gradient[run].clone()
            solo.set_rates(step)
            solo.step()
    for run, solo in enumerate(solos):
        assert all(torch.equal(one[run], own) for one, own in zip(stacked, alone[run], strict=True))
        of_run, own = together.state_of_run(run), solo.state_dict()
        assert of_run["param_groups"] == own["param_groups"]
        for index, values in own["state"].items():
            assert all(torch.equal(of_run["state"][index][name], value) for name, value in values.items())


@pytest.mark.parametrize("turned_gradient", [False, True])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_order_in_memory_does_not_matter(optimizer, turned, turned_gradient):
    """Of parameters, gradients, and of a state that was saved and is loaded: torch's plain optimizers as the oracle.

    torch's fused ones would pair other elements of a parameter and a gradient with other strides."""
    draw = torch.Generator().manual_seed(0)
    start = torch.randn(2, 5, 7, generator=draw)

    def stored(value, exchanged):
        return value.mT.contiguous().mT if exchanged else value.clone()

    trainer = Trainer(optimizer=optimizer, lr=0.1)
    plain, own = nn.Parameter(start.clone()), nn.Parameter(stored(start, turned))
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    numbers = {"momentum": trainer.momentum} if optimizer == "sgd" else {}
    oracle = kinds[optimizer]([plain], lr=0.1, weight_decay=trainer.weight_decay, foreach=False, **numbers)
    made = Optimizer([trainer], [own], steps=10)
    for _ in range(4):
        gradient = torch.randn(2, 5, 7, generator=draw)
        plain.grad, own.grad = gradient, stored(gradient, turned_gradient)
        oracle.step()
        made.step()
        state = made.state_dict()
        for name, value in oracle.state_dict()["state"].get(0, {}).items():
            if value is not None:
                torch.testing.assert_close(state["state"][0][name], value)
                state["state"][0][name] = value.clone()
        made = Optimizer([trainer], [own], steps=10)
        made.load_state_dict(state)
    torch.testing.assert_close(own, plain)
    assert made.step_sizes(own).shape in (own.shape, ())


def test_a_parameter_without_gradient_stays():
    used, unused = nn.Parameter(torch.zeros(2, 3)), nn.Parameter(torch.zeros(2, 3))
    made = Optimizer([Trainer(lr=0.1), Trainer(lr=0.2)], [used, unused], steps=1)
    used.grad = torch.ones(2, 3)
    made.step()
    assert used.detach().abs().min() > 0 and torch.equal(unused, torch.zeros(2, 3))
    made.zero_grad()
    assert used.grad is None


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_a_gradient_that_stays_is_multiplied_by_its_step_size(optimizer):
    """Once the averages have settled, in a run alone and in each of a stack."""
    trainers = [Trainer(optimizer=optimizer, lr=lr, momentum=0.5) for lr in (0.01, 0.03)]
    for mine in (trainers[:1], trainers):
        shape = (1, 2) if len(mine) == 1 else (2, 1, 2)
        parameter, gradient = nn.Parameter(torch.ones(shape)), torch.tensor([0.3, -0.001]).expand(shape)
        made = Optimizer(mine, [parameter], steps=10)
        for _ in range(50):
            before = parameter.detach().clone()
            parameter.grad = gradient.clone()
            made.step()
        expected = (before - parameter.detach()) / gradient
        found = made.step_sizes(parameter).expand_as(gradient)
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=0)


def test_a_step_size_under_momentum_by_hand():
    # momentum 0.75: each gradient counts 1 + 0.75 + 0.75^2 + ... = 4 times
    parameter = nn.Parameter(torch.ones(1))
    made = Optimizer([Trainer(optimizer="sgd", lr=0.01, momentum=0.75)], [parameter], steps=1)
    assert made.step_sizes(parameter).item() == pytest.approx(0.04)
