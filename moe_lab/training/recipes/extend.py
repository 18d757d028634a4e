"""A recipe for a sequence of tasks, with new experts for each task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from moe_lab.config.ranges import NonNegativeInt
from moe_lab.data.dataset import Data
from moe_lab.errors import expect, given
from moe_lab.layers.convolution import BatchNorm2d
from moe_lab.parts.gates.composed import ComposedGate
from moe_lab.parts.objectives.mixture import Mixture as Likelihood
from moe_lab.parts.reasons import Reason
from moe_lab.routing.decision import Routing
from moe_lab.store.learned import read_run
from moe_lab.training.from_run import EXPERTS, GATE, experts_in, fits, take_over
from moe_lab.training.growth import Still, among_first, columns
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, Recipe, hold
from moe_lab.training.sequence import TaskSequence

CHANGE = "change recipe.tasks"


class Extend(Recipe):
    """Continual learning: tasks (groups of classes) one after another; each task after the first adds new experts.

    The gate gets an output for each new expert. New experts start as the seed initialized them, existing parameters
    keep their values, and the optimizer is reset at every task. All experts are in memory from the start; one that is
    not added yet has the logit -inf and is not updated. The mixture is tested on all tasks before the first and after
    every task: one row of stages.csv each.
    Source: Chen et al. 2023, Lifelong language pretraining with distribution-specialized experts (Lifelong-MoE),
    arXiv:2305.12281 (experts and outputs of the gate that are added, old experts frozen); Aljundi, Chakravarty and
    Tuytelaars 2017, Expert Gate, arXiv:1611.06194 (one expert per task); Chaudhry et al. 2019, On tiny episodic
    memories in continual learning, arXiv:1902.10486 (memory).

    tasks:          classes of each task, such as [[0,1],[2,3]]; no class in two.
    run:            folder of a finished run that has learned the first task; null: the first task is learned here.
    new_experts:    experts that each later task adds; experts.count is the number of experts at the end.
    new_outputs:    initial value of the gate's output for a new expert: "fresh", as the seed initialized it (old
                    outputs may be so much larger that no sample ever reaches the new expert); or "shared", the mean of
                    the old outputs, weighted by how much the task's samples use each. An attentive gate has no such
                    outputs.
    freeze_experts: whether experts of earlier tasks are frozen.
    freeze_body:    whether the body of the gate is frozen after the first task; its outputs still learn.
    memory:         number of training samples of each earlier class, the first of the split, that are replayed with a
                    task.
    ``trainer.epochs`` are divided evenly among the tasks that are learned here.
    """

    def __init__(
        self,
        *,
        tasks: tuple[tuple[NonNegativeInt, ...], ...],
        run: str | None = None,
        new_experts: NonNegativeInt = 1,
        new_outputs: Literal["fresh", "shared"] = "fresh",
        freeze_experts: bool = True,
        freeze_body: bool = False,
        memory: NonNegativeInt = 0,
    ) -> None:
        self._tasks = TaskSequence(tasks)
        self._run = run
        self._new = new_experts
        self._shares = new_outputs == "shared"
        self._freeze_experts = freeze_experts
        self._freeze_body = freeze_body
        self._memory = memory
        self._first = 0 if run is None else 1
        self._entered: int | None = None
        self._still: Still | None = None

    @property
    def classes(self) -> tuple[int, ...]:
        return self._tasks.classes

    def attributes(self, data: Data) -> dict[str, np.ndarray]:
        return {"task": self._tasks.by_class(data.classes)[data.test.y_N].numpy()}

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        return (
            self._no_tasks(learner)
            or self._not_growing(learner)
            or self._wrong_sizes(learner)
            or self._wrong_times(trainer)
            or self._other_run(learner)
        )

    def apart(self, trainers: Sequence[Trainer]) -> Reason | None:
        if len({one.epochs for one in trainers}) > 1:
            return Reason("runs of one stack start a task in the same epoch, and these have several trainer.epochs")
        return None

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        self._write(course, records, None, 0)
        if self._run is not None:
            _, state = read_run(Path(self._run).expanduser())
            take_over(course.mixture.experts, state, EXPERTS)
            take_over(course.mixture.gate, state, GATE)
            self._write(course, records, 0, 0)

    def rows(self, course: Course, epoch: int) -> Tensor | None:
        return self._tasks.rows(course.data, self._task(course, epoch), self._memory)

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        task, mixture = self._task(course, epoch), course.mixture
        if batch == 0 and (epoch == 0 or self._task(course, epoch - 1) != task):
            course.forget()
            if task and self._shares:
                self._share_outputs(course, task)
        if self._freeze_body and task:
            hold(expect(nn.Module, expect(ComposedGate, mixture.gate).score.body), True, drawing=True)
        if task == self._entered:
            return
        self._entered = task
        old, there, experts = (self._there(course, one) for one in (task - 1, task, len(self._tasks) - 1))
        absent, frozen = slice(there, experts), slice(0, old if self._freeze_experts and task else 0)
        self._still = Still(mixture, experts=(absent, frozen), outputs=absent, stacked=len(course.trainers) > 1)

    def decided(self, course: Course, epoch: int, routing: Routing) -> Routing:
        return among_first(course.mixture.gate, routing, self._there(course, self._task(course, epoch)))

    def after_step(self, course: Course) -> None:
        given(self._still, "the first step").restore()

    def after_epoch(self, course: Course, epoch: int, records: Sequence[Record]) -> None:
        task = self._task(course, epoch)
        if epoch + 1 == course.trainers[0].epochs or self._task(course, epoch + 1) != task:
            self._write(course, records, task, epoch + 1)

    @torch.no_grad()
    def _share_outputs(self, course: Course, task: int) -> None:
        """Set the gate's outputs of a task's new experts to the mean of the existing ones, weighted by their usage.
        Called before the experts are admitted."""
        old, there = self._there(course, task - 1), self._there(course, task)
        gate = course.mixture.gate
        usage_E = self._tasks.usage(course, task, lambda routing: among_first(gate, routing, old))
        usage_1E = usage_E.unsqueeze(-2)
        for column_E in given(columns(gate), "a gate that grows"):
            column_E.detach().narrow(-1, old, there - old).copy_((column_E * usage_1E).sum(-1, keepdim=True))

    def _task(self, course: Course, epoch: int) -> int:
        """The task of an epoch."""
        return self._first + course.split_in(len(self._tasks) - self._first, epoch)[0]

    def _there(self, course: Course, task: int) -> int:
        """The number of admitted experts while a task is learned."""
        return course.mixture.experts.count - self._new * (len(self._tasks) - 1 - task)

    def _write(self, course: Course, records: Sequence[Record], task: int | None, epoch: int) -> None:
        """Record a test on all tasks after ``task`` (None: before the first), for the runs that have reached it."""
        there, gate = self._there(course, task or 0), course.mixture.gate
        tested = self._tasks.test(course, lambda routing: among_first(gate, routing, there))
        said = {name: one.reshape(len(records), -1).cpu() for name, one in tested.items()}
        y_N = course.data.test.y_N.cpu()
        task_C = self._tasks.by_class(course.data.classes)
        task_N = task_C[y_N]
        for run, record in enumerate(records):
            if epoch and (not record.history or record.history[-1]["epoch"] != epoch):
                continue
            arrays = {name: one[run].clone() for name, one in said.items()}
            row: dict[str, float | None] = {"task": task, "epoch": epoch, "experts": there}
            for name, column in (("prediction", "accuracy"), ("prediction_within_task", "accuracy_within")):
                right_N = arrays[name] == y_N
                for number in range(len(self._tasks)):
                    row[f"{column}_{number}"] = right_N[task_N == number].float().mean().item()
            record.stages.append(row)
            record.stage_arrays.append({"experts": torch.tensor(there), "task_of_class": task_C, **arrays})

    def _no_tasks(self, learner: MixtureLearner) -> Reason | None:
        count = learner.mixture.gate.sizes.classes
        every = self._tasks.classes
        if len(self._tasks) < 2 or not all(self._tasks.tasks):
            return Reason("needs two tasks or more, and a class or more in each", (CHANGE,))
        if not count:
            lacks = "needs classes to make tasks of, and this data set's targets are numbers"
            return Reason(lacks, ("take another data set",))
        if every[-1] >= count:
            lacks = f"needs classes that are there, and recipe.tasks has {every[-1]}, but the last one is {count - 1}"
            return Reason(lacks, (CHANGE,))
        if twice := sorted({one for one in every if every.count(one) > 1}):
            return Reason(f"needs tasks that share no class, and class {twice[0]} is in two", (CHANGE,))
        return None

    def _not_growing(self, learner: MixtureLearner) -> Reason | None:
        mixture = learner.mixture
        if columns(mixture.gate) is None:
            return Reason("needs a gate to which outputs can be added", gate=lambda other: columns(other) is not None)
        if self._freeze_body and not hasattr(mixture.gate.score, "body"):
            return Reason("needs a gate with a body to freeze", ("take recipe.freeze_body=false",))
        if any(isinstance(module, BatchNorm2d) for module in mixture.experts.modules()):
            lacks = "needs experts without batch normalization, which is one for all of them"
            return Reason(lacks, ("take experts=mlp",))
        if not isinstance(learner.objective, Likelihood):
            return Reason("needs an objective that knows which experts are there", ("take objective=mixture",))
        if learner.controllers:
            name = next(iter(learner.controllers))
            lacks = f"needs experts that come one after another, and controller {name} counts on all"
            return Reason(lacks, (f"leave {name} out",))
        return None

    def _wrong_sizes(self, learner: MixtureLearner) -> Reason | None:
        sizes, later = learner.mixture.gate.sizes, len(self._tasks) - 1
        first = sizes.experts - self._new * later
        if first < 1:
            new = self._new * later
            lacks = f"needs an expert for the first task besides {new} for later ones"
            return Reason(lacks, (f"take experts.count={new + 1} or more",))
        if first < sizes.k < sizes.experts:
            lacks = f"needs k experts from the first task on, and there are {first}"
            return Reason(lacks, (f"take k={first}", "take more experts"))
        return None

    def _wrong_times(self, trainer: Trainer) -> Reason | None:
        learned = len(self._tasks) - self._first
        if trainer.epochs < learned:
            lacks = f"needs an epoch for each of {learned} tasks, and trainer.epochs={trainer.epochs}"
            return Reason(lacks, ("raise trainer.epochs",))
        if trainer.schedule != "constant" or trainer.warmup_steps:
            words = "take trainer.schedule=constant and trainer.warmup_steps=0"
            return Reason("needs the same steps for every task", (words,))
        return None

    def _other_run(self, learner: MixtureLearner) -> Reason | None:
        if self._run is None:
            return None
        parts, state = read_run(Path(self._run).expanduser())
        mixture = learner.mixture
        learned = parts["classes"] or list(range(mixture.gate.sizes.classes))
        if sorted(learned) != self._tasks.tasks[0]:
            lacks = f"has the first task {self._tasks.tasks[0]}, and {self._run} has learned {learned}"
            return Reason(lacks, ("make them equal",))
        later = self._new * (len(self._tasks) - 1)
        first, learned_experts = mixture.experts.count - later, experts_in(state)
        if learned_experts not in (None, first):
            lacks = f"leaves {first} of {mixture.experts.count} experts for the first task, and {self._run} has"
            return Reason(f"{lacks} {learned_experts}", (f"take experts.count={learned_experts + later}",))
        if all(
            fits(part, state, prefix, first, mixture.experts.count)
            for part, prefix in ((mixture.experts, EXPERTS), (mixture.gate, GATE))
        ):
            return None
        return Reason(
            f"needs the experts and the gate of {self._run}, and these are of another kind or size",
            ("take its experts and gate",),
        )
