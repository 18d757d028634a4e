"""torch's own optimizers, for one run or many at once, and the learning rate of every step."""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from moe_lab.errors import given
from moe_lab.training.normalized import Normalized
from moe_lab.training.options import Trainer
from moe_lab.training.uncompiled import uncompiled


class Optimizer:
    """Adam, AdamW, SGD or normalized gradient descent over the parameters of one run, or of R stacked runs with numbers
    of their own.

    A run is a parameter group, whose leaves are views of its part of the stacked storage: the update of every element
    is that of the solo run, to the bit. On a GPU, where each launch costs, neighbouring runs of equal numbers are one
    group; on a CPU that would cost bits, for the last elements of a tensor are not done as vectors. ``steps`` is the
    number of steps per epoch. The fused kernels are 1.2 to 1.4 times faster on a CPU, if elements follow each other in
    memory: of matrices that are stored with their axes exchanged, as ``layers.Linear`` has them, the leaves have the
    axes as they are stored. States have the axes of the parameters.

    Parameters of a bank of experts that are listed in ``by_expert`` have one leaf per expert, and a step leaves
    untouched experts unchanged. ``experts`` are the parameters whose gradients normalized gradient descent divides by
    their length.
    """

    def __init__(
        self,
        trainers: Sequence[Trainer],
        parameters: Sequence[nn.Parameter],
        steps: int,
        by_expert: Sequence[nn.Parameter] = (),
        experts: Sequence[nn.Parameter] = (),
    ) -> None:
        self._parameters = list(parameters)
        self._by_expert = {id(one) for one in by_expert}
        self._turned = {id(one) for one in self._parameters if _is_turned(one)}
        self._stacked = len(trainers) > 1
        apart = bool(by_expert) or all(one.device.type == "cpu" for one in self._parameters)
        self._groups = _groups(trainers, apart)
        self._rates = [trainer.lr for _, trainer in self._groups]
        self._steps = steps
        self._are_views = len(self._groups) > 1 or bool(by_expert) or bool(self._turned)
        groups: list[dict[str, Any]] = []
        for runs, trainer in self._groups:
            leaves = self._parameters
            if self._are_views:
                leaves = [
                    nn.Parameter(view, requires_grad=one.requires_grad)
                    for one in self._parameters
                    for view in self._parts(one, one.data, runs)
                ]
            groups.append({"params": leaves, **_numbers(trainer)})
        self._leaves = sum(len(group["params"]) for group in groups)
        self._are_turned = [
            id(one) in self._turned
            for runs, _ in self._groups
            for one in self._parameters
            for _ in self._parts(one, one.data, runs)
        ]
        self._optimizer = _CLASSES[trainers[0].optimizer](groups, fused=True)
        self._has_momentum = trainers[0].optimizer == "sgd"
        self._normalized = Normalized(trainers, experts) if trainers[0].optimizer == "normalized_gd" else None
        if by_expert and self._has_momentum:
            self._begin_momentum()

    def _begin_momentum(self) -> None:
        """Set momentum buffers to zero, which the first gradient then replaces: torch's fused SGD needs a buffer for
        all leaves or for none."""
        for group in self._optimizer.param_groups:
            for leaf in group["params"]:
                if "momentum_buffer" not in self._optimizer.state[leaf]:
                    self._optimizer.state[leaf]["momentum_buffer"] = torch.zeros_like(leaf)

    def zero_grad(self) -> None:
        for parameter in self._parameters:
            parameter.grad = None

    def forget(self) -> None:
        """Reset the optimizer: no momentum, and no steps counted."""
        self._optimizer.state.clear()
        if self._by_expert and self._has_momentum:
            self._begin_momentum()

    def set_rates(self, step: int) -> None:
        """Set every run's learning rate for step number ``step`` (from 0)."""
        for number, (_, trainer) in enumerate(self._groups):
            self._rates[number] = learning_rate(trainer, step, trainer.epochs * self._steps)
            self._optimizer.param_groups[number]["lr"] = self._rates[number]

    def step(self, touched_E: Tensor | None = None) -> None:
        """Take one step. ``touched_E`` [..., E]: the experts that are updated; read only for parameters with one leaf
        per expert."""
        if self._normalized is not None:
            self._normalized.scale(self._parameters)
        if self._are_views:
            self._hand_out_gradients(touched_E)
        for leaf in (leaf for group in self._optimizer.param_groups for leaf in group["params"]):
            if leaf.grad is not None:
                leaf.grad = _as_stored(leaf.grad, leaf)
        if self._has_momentum and 0 < len(self._optimizer.state) < self._leaves:
            # parts that were frozen in the first step
            self._begin_momentum()
        self._optimizer.step()

    def rates(self) -> list[float]:
        """The learning rate of every run in the last step."""
        pairs = zip(self._rates, self._groups, strict=True)
        return [rate for rate, (runs, _) in pairs for _ in range(runs.stop - runs.start)]

    def step_sizes(self, parameter: nn.Parameter) -> Tensor:
        """Effective step size of the last step per coordinate of a parameter, assuming that the gradient is constant;
        broadcasts to the parameter of all runs. Not for a parameter with one leaf per expert."""
        groups, index = self._optimizer.param_groups, self._first_leaf(parameter)
        leaves = [group["params"][index] for group in groups]
        sizes = [step_sizes(*one, self._optimizer.state[one[1]]) for one in zip(groups, leaves, strict=True)]
        size = sizes[0]
        if len(groups) > 1:
            size = torch.cat([one.expand_as(leaf) for one, leaf in zip(sizes, leaves, strict=True)])
        if id(parameter) in self._turned and size.ndim > 1:
            size = size.mT
        return size if self._normalized is None else size * self._normalized.factor(parameter)

    def _first_leaf(self, parameter: nn.Parameter) -> int:
        """Index in its group of the parameter's leaf, or of its first leaf."""
        number = next(number for number, one in enumerate(self._parameters) if one is parameter)
        return sum(len(self._parts(one, one.data, slice(0, 1))) for one in self._parameters[:number])

    def state_dict(self) -> dict[str, Any]:
        return self._turn(self._optimizer.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict(self._turn(state))
        for leaf, values in self._optimizer.state.items():
            values.update({name: _as_stored(one, leaf) for name, one in values.items() if _is_matrix(one)})

    def _turn(self, state: dict[str, Any]) -> dict[str, Any]:
        """The state with the axes of the parameters, given that with those of the leaves, and the other way round."""
        turned = {
            index: {name: one.mT if _is_matrix(one) else one for name, one in values.items()}
            for index, values in state["state"].items()
            if self._are_turned[index]
        }
        return {**state, "state": state["state"] | turned}

    def state_of_run(self, run: int) -> dict[str, Any]:
        """The state that the optimizer of run ``run`` of a stack would have if it had trained alone."""
        number, (runs, _) = next((n, one) for n, one in enumerate(self._groups) if one[0].start <= run < one[0].stop)
        state, count = self.state_dict(), len(self._optimizer.param_groups[0]["params"])
        group = {**state["param_groups"][number], "params": list(range(count))}
        first = number * count
        of_run = {
            index - first: {name: _of_run(value, run - runs.start) for name, value in values.items()}
            for index, values in state["state"].items()
            if first <= index < first + count
        }
        return {"state": of_run, "param_groups": [group]}

    def _hand_out_gradients(self, touched_E: Tensor | None) -> None:
        touched = given(touched_E, "touched_E").reshape(len(self._groups), -1).tolist() if self._by_expert else []
        for number, (group, (runs, _)) in enumerate(zip(self._optimizer.param_groups, self._groups, strict=True)):
            leaves = iter(group["params"])
            for parameter in self._parameters:
                gradient = parameter.grad
                moved = touched[number] if id(parameter) in self._by_expert else (True,)
                parts: Sequence[Tensor | None] = [None] * len(moved)
                if gradient is not None:
                    parts = self._parts(parameter, gradient, runs)
                for part, moves in zip(parts, moved, strict=True):
                    next(leaves).grad = part if moves else None

    def _parts(self, parameter: nn.Parameter, values: Tensor, runs: slice) -> Sequence[Tensor]:
        """A parameter's values (or gradient) for the runs of a group, one tensor per leaf."""
        values = values[runs] if self._stacked else values
        values = values.mT if id(parameter) in self._turned else values
        if id(parameter) not in self._by_expert:
            return (values,)
        return values.unbind(1 if self._stacked else 0)


_SGD = uncompiled(torch.optim.SGD)
_CLASSES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": uncompiled(torch.optim.Adam),
    "adamw": uncompiled(torch.optim.AdamW),
    "sgd": _SGD,
    "normalized_gd": _SGD,
}


def _numbers(trainer: Trainer) -> dict[str, float]:
    numbers = {"lr": trainer.lr, "weight_decay": trainer.weight_decay}
    return numbers | {"momentum": trainer.momentum} if trainer.optimizer == "sgd" else numbers


def _groups(trainers: Sequence[Trainer], apart: bool) -> list[tuple[slice, Trainer]]:
    """The runs of each parameter group, a single one if they stay ``apart``, and the trainer whose numbers they
    share."""

    def numbers(run: int) -> tuple[float | str, ...]:
        one = trainers[run]
        return (*_numbers(one).values(), one.schedule, one.warmup_steps, one.epochs)

    groups = [list(runs) for _, runs in groupby(range(len(trainers)), None if apart else numbers)]
    return [(slice(runs[0], runs[-1] + 1), trainers[runs[0]]) for runs in groups]


def _of_run(value: Any, run: int) -> Any:
    """The part of one run in a value of the optimizer's state; a plain number is the same for all runs of a group."""
    return value[run] if isinstance(value, Tensor) and value.ndim > 0 else value


def _is_turned(parameter: Tensor) -> bool:
    """Whether a matrix, or a bank of matrices, is stored with its last two axes exchanged."""
    return parameter.ndim > 1 and not parameter.is_contiguous() and parameter.mT.is_contiguous()


def _as_stored(value: Tensor, leaf: Tensor) -> Tensor:
    """The value with the leaf's order in memory. torch's fused kernels go through both as they are stored: with other
    strides they would silently pair other elements."""
    return value if value.stride() == leaf.stride() else torch.empty_like(leaf).copy_(value)


def _is_matrix(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 1


def step_sizes(group: Mapping[str, Any], leaf: Tensor, state: Mapping[str, Any]) -> Tensor:
    """Effective step size per coordinate.

    Adam and AdamW: lr / (sqrt(v / (1 - beta2^t)) + eps). SGD: lr / (1 - momentum), the sum of heavy ball's steps. A
    proximal map with this step size does not move the optimum of the penalized loss.
    """
    if "betas" not in group:
        return torch.full((), group["lr"] / (1 - group["momentum"]), dtype=leaf.dtype, device=leaf.device)
    corrected = state["exp_avg_sq"] / (1 - group["betas"][1] ** state["step"])
    return group["lr"] / (corrected.sqrt() + group["eps"])


def learning_rate(trainer: Trainer, step: int, steps: int) -> float:
    """The learning rate of step number ``step`` (from 0) of ``steps``; beyond them that of the last.

    Warm-up: lr (step + 1) / warmup_steps. Then, with t the share of the remaining steps that are done:
    constant lr, linear lr (1 - t), cosine lr (1 + cos(pi t)) / 2.
    """
    step = min(step, steps - 1)
    if step < trainer.warmup_steps:
        return trainer.lr * (step + 1) / trainer.warmup_steps
    done = (step - trainer.warmup_steps) / max(steps - trainer.warmup_steps, 1)
    match trainer.schedule:
        case "constant":
            return trainer.lr
        case "linear":
            return trainer.lr * (1 - done)
        case "cosine":
            return trainer.lr * (1 + math.cos(math.pi * done)) / 2
