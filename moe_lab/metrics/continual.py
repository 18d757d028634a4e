"""Tasks learned one after another (recipe=extend): forgetting, transfer, and the use of old and new experts.

R[i, j] is the accuracy on the test samples of task j after task i was learned, with tasks counted from 0 to T - 1.
Metrics with ``within_task`` in their names choose among the classes of the sample's own task only, as if its task were
known (task-incremental learning). The others choose among all classes (class-incremental, van de Ven and Tolias 2019,
arXiv:1904.07734). An expert is new in the task that it was added for, and old in later ones.
"""

from dataclasses import dataclass

import numpy as np

from moe_lab.metrics import bounds
from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.learned import never_learned
from moe_lab.metrics.registry import Undefined, metric


@dataclass(frozen=True)
class Tasks:
    """Results of T tasks on N test samples.

    ``task_N`` is each sample's task. ``before_T`` and ``accuracy_TT`` are the accuracies on every task before training,
    and after each task. ``expert_TN`` and ``experts_T`` are every sample's arg-max expert (-1: none) and the number of
    experts after each task.
    """

    task_N: np.ndarray
    before_T: np.ndarray
    accuracy_TT: np.ndarray
    expert_TN: np.ndarray
    experts_T: np.ndarray

    @property
    def count(self) -> int:
        return len(self.experts_T)

    def of(self, task: int) -> np.ndarray:
        """The mask of a task's samples, [N]."""
        return self.task_N == task

    def served(self, task: int, after: int) -> np.ndarray:
        """The arg-max experts of a task's routed samples after a task was learned."""
        expert_M = self.expert_TN[after, self.of(task)]
        return expert_M[expert_M >= 0]


def tasks_of(arrays: RunArrays, within: bool = False) -> Tasks:
    """The tasks of a run. Raises Undefined if it has none, or one has no test sample."""
    try:
        stages = arrays.stored("stages")
        task_N = stages["task_of_class"][0][arrays.label_N]
    except (Undefined, KeyError):
        raise Undefined("there are no tasks in a sequence: recipe=extend has them") from None
    predicted_SN = stages["prediction_within_task" if within else "prediction"]
    tasks = len(predicted_SN) - 1
    present = np.bincount(task_N, minlength=tasks)
    if not present.all():
        raise Undefined(f"task {int(np.argmin(present > 0))} has no test sample")
    right_SN = predicted_SN == arrays.label_N
    accuracy_ST = np.stack([right_SN[:, task_N == task].mean(1) for task in range(tasks)], 1)
    return Tasks(task_N, accuracy_ST[0], accuracy_ST[1:], stages["expert"][1:], stages["experts"][1:])


@metric(unit="fraction", low=0, high=1, better="higher", source="Lopez-Paz and Ranzato 2017, arXiv:1706.08840")
def average_accuracy(arrays: RunArrays) -> float:
    """Accuracy after the last task, the mean over tasks: sum_j R[T-1, j] / T.

    Every task has the same weight, whatever its number of samples.
    """
    return tasks_of(arrays).accuracy_TT[-1].mean()


@metric(unit="fraction", low=0, high=1, better="higher", source="Lopez-Paz and Ranzato 2017, arXiv:1706.08840")
def average_accuracy_within_task(arrays: RunArrays) -> float:
    """``average_accuracy`` among the classes of each sample's own task."""
    return tasks_of(arrays, within=True).accuracy_TT[-1].mean()


@metric(unit="fraction", low=0, high=1, better="higher", source="Riemer et al. 2019, arXiv:1810.11910")
def learning_accuracy(arrays: RunArrays) -> float:
    """Accuracy on each task right after it, the mean over tasks: sum_j R[j, j] / T. Low if a task was not learned."""
    return tasks_of(arrays).accuracy_TT.diagonal().mean()


@metric(unit="count", low=0, high=None, better="lower", source="moe-lab")
def tasks_never_learned(arrays: RunArrays) -> int:
    """Number of tasks whose error rate right after the task is no better than guessing among the task's classes.

    The error rate is among all classes. A task of C classes counts if it is at least 95 % of 1 - 1/C.
    """
    return int(unlearned_T(tasks_of(arrays), arrays.label_N).sum())


def unlearned_T(tasks: Tasks, label_N: np.ndarray) -> np.ndarray:
    """The mask of the tasks that were never learned, [T]."""
    errors_T = 1 - tasks.accuracy_TT.diagonal()
    classes_T = [len(np.unique(label_N[tasks.of(task)])) for task in range(tasks.count)]
    return np.array([never_learned(error, classes) for error, classes in zip(errors_T, classes_T, strict=True)])


@metric(unit="fraction", low=-1, high=1, better="higher", source="Lopez-Paz and Ranzato 2017, arXiv:1706.08840")
def backward_transfer(arrays: RunArrays) -> float:
    """Effect of later tasks on earlier ones: the mean of R[T-1, j] - R[j, j] over all tasks except the last.

    Negative is forgetting.
    """
    return _backward(tasks_of(arrays))


@metric(unit="fraction", low=-1, high=1, better="higher", source="Lopez-Paz and Ranzato 2017, arXiv:1706.08840")
def backward_transfer_within_task(arrays: RunArrays) -> float:
    """``backward_transfer`` among the classes of each sample's own task."""
    return _backward(tasks_of(arrays, within=True))


@metric(unit="fraction", low=-1, high=1, better="higher", source="Lopez-Paz and Ranzato 2017, arXiv:1706.08840")
def forward_transfer(arrays: RunArrays) -> float:
    """Effect of earlier tasks on later ones: the mean of R[j-1, j] - b[j] over all tasks except the first.

    b is the accuracy of the mixture before training. Among all classes, a class that was never trained is hardly ever
    predicted, so the value is near -mean b: prefer ``forward_transfer_within_task``.
    """
    return _forward(tasks_of(arrays))


@metric(unit="fraction", low=-1, high=1, better="higher", source="Lopez-Paz and Ranzato 2017, arXiv:1706.08840")
def forward_transfer_within_task(arrays: RunArrays) -> float:
    """``forward_transfer`` among the classes of each sample's own task."""
    return _forward(tasks_of(arrays, within=True))


@metric(unit="fraction", low=-1, high=1, better="lower", source="Chaudhry et al. 2018, arXiv:1801.10112, eq. 3")
def forgetting(arrays: RunArrays) -> float:
    """Drop of each task from its best: the mean of max_{i<T-1} R[i, j] - R[T-1, j] over all tasks except the last."""
    return _forgetting(tasks_of(arrays))


@metric(unit="fraction", low=-1, high=1, better="lower", source="Chaudhry et al. 2018, arXiv:1801.10112, eq. 3")
def forgetting_within_task(arrays: RunArrays) -> float:
    """``forgetting`` among the classes of each sample's own task."""
    return _forgetting(tasks_of(arrays, within=True))


@metric(unit="count", low=0, high=bounds.E_minus_1, better="none", source="Chen et al. 2023, arXiv:2305.12281")
def experts_added(arrays: RunArrays) -> int:
    """Number of experts that were added for tasks after the first."""
    experts_T = tasks_of(arrays).experts_T
    return int(experts_T[-1] - experts_T[0])


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab")
def expert_reuse(arrays: RunArrays) -> float:
    """Share of a task's samples whose arg-max expert right after it is an old one; mean over tasks except the first."""
    return float(np.mean(list(_reuse(arrays).values())))


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab")
def expert_reuse_by_task(arrays: RunArrays) -> dict[str, float]:
    """For each task from the second on, the share of its samples whose arg-max expert is an old one, right after it."""
    return _reuse(arrays)


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab")
def new_expert_share_by_task(arrays: RunArrays) -> dict[str, float]:
    """For each task from the second on, the share of its samples whose arg-max expert is a new one, right after it."""
    return {task: 1 - share for task, share in _reuse(arrays).items()}


@metric(unit="fraction", low=0, high=1, better="higher", source="moe-lab")
def routing_kept_share(arrays: RunArrays) -> float:
    """Share of a task's samples with the same arg-max expert right after it and at the end; mean without the last task.

    If the experts are frozen, only the gate can forget, and then this is low.
    """
    tasks = tasks_of(arrays)
    kept_TN = tasks.expert_TN == tasks.expert_TN[-1]
    return float(np.mean([kept_TN[task, tasks.of(task)].mean() for task in range(tasks.count - 1)]))


def _backward(tasks: Tasks) -> float:
    accuracy_TT = tasks.accuracy_TT
    return (accuracy_TT[-1] - accuracy_TT.diagonal())[:-1].mean()


def _forward(tasks: Tasks) -> float:
    return (tasks.accuracy_TT.diagonal(1) - tasks.before_T[1:]).mean()


def _forgetting(tasks: Tasks) -> float:
    accuracy_TT = tasks.accuracy_TT
    return (accuracy_TT[:-1].max(0) - accuracy_TT[-1])[:-1].mean()


def _reuse(arrays: RunArrays) -> dict[str, float]:
    tasks = tasks_of(arrays)
    if tasks.experts_T[-1] == tasks.experts_T[0]:
        raise Undefined("no experts were added, so all of them are old")
    shares = {}
    for task in range(1, tasks.count):
        expert_M = tasks.served(task, task)
        if not len(expert_M):
            raise Undefined(f"no expert got any test sample of task {task}")
        shares[str(task)] = float((expert_M < tasks.experts_T[task - 1]).mean())
    return shares
