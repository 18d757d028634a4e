"""A sequence of tasks, each a group of classes of one data set: the samples of each task, and tests of a mixture on all
tasks."""

from collections.abc import Iterable, Sequence
from functools import reduce

import torch
from torch import Tensor

from moe_lab.data.dataset import Data, Split, batches
from moe_lab.mixture.mixture import Constrain, as_trained
from moe_lab.training.recipe import Course
from moe_lab.training.tally import normalized


class TaskSequence:
    """Tasks in their order, each a tuple of class numbers."""

    def __init__(self, tasks: Sequence[Sequence[int]]) -> None:
        self.tasks = [sorted(set(task)) for task in tasks]

    def __len__(self) -> int:
        return len(self.tasks)

    @property
    def classes(self) -> tuple[int, ...]:
        """The classes of all tasks in rising order; a class of two tasks is listed twice."""
        return tuple(sorted(one for task in self.tasks for one in task))

    def by_class(self, classes: int) -> Tensor:
        """The task of each class, [C] on the CPU; -1 for a class of no task."""
        task_C = torch.full((classes,), -1)
        for number, task in enumerate(self.tasks):
            task_C[task] = number
        return task_C

    def rows(self, data: Data, task: int, memory: int = 0) -> Tensor:
        """Indices of training samples, on the CPU, in order: those of a task, and the first ``memory`` ones of each
        class of earlier tasks."""
        y_N = data.train.y_N.cpu()
        kept_N = self.by_class(data.classes)[y_N] == task
        for one in (one for earlier in self.tasks[:task] for one in earlier):
            kept_N[(y_N == one).nonzero().squeeze(-1)[:memory]] = True
        return kept_N.nonzero().squeeze(-1)

    def test(self, course: Course, route: Constrain) -> dict[str, Tensor]:
        """Results for every test sample, [..., N]: the ``prediction``; the ``prediction_within_task``, restricted to
        the classes of the sample's own task; and the arg-max ``expert`` (-1 if there is none). ``route`` changes the
        gate's decision."""
        data, mixture = course.data, course.mixture.eval()
        task_C = self.by_class(data.classes)
        others_CC = (task_C.unsqueeze(-1) != task_C).to(data.test.y_N.device)
        found, noise = [], course.noise("noise/evaluation")
        with torch.no_grad():
            for x_BD, y_B in _batches(course, data.test):
                output = mixture(x_BD, noise, route)
                within_BC = output.log_probs_BC.masked_fill(others_CC[y_B], -torch.inf)
                found.append((output.prediction_B, within_BC.argmax(-1), output.routing.expert_B))
        names = ("prediction", "prediction_within_task", "expert")
        return {name: torch.cat(parts, -1) for name, parts in zip(names, zip(*found, strict=True), strict=True)}

    @torch.no_grad()
    def usage(self, course: Course, task: int, route: Constrain) -> Tensor:
        """Each expert's share of the normalized weights of a task's training samples, [..., E], after ``route`` has
        changed the gate's decision."""
        train, mixture = course.data.train, course.mixture
        rows = self.rows(course.data, task).to(train.y_N.device)
        split, noise = Split(train.x_ND[rows], train.y_N[rows], train.index_N[rows]), course.noise("noise/evaluation")
        with as_trained(mixture):
            shares = [
                normalized(mixture(x_BD, noise, route).routing.weights_BE)[0].sum(-2)
                for x_BD, _ in _batches(course, split)
            ]
        used_E = reduce(torch.add, shares)
        return used_E / used_E.sum(-1, keepdim=True)


def _batches(course: Course, split: Split) -> Iterable[tuple[Tensor, Tensor]]:
    mixture = course.mixture
    return batches(split, mixture.batch_dependent, course.trainers[0].batch_size, mixture.numbers)
