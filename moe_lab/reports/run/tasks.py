"""Figures of tasks learned one after another: accuracy on each task after each task, and the experts of each task.

Axes: T tasks, E experts.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.metrics.arrays import RunArrays
from moe_lab.metrics.continual import Tasks, tasks_of, unlearned_T
from moe_lab.metrics.stored import Undefined
from moe_lab.reports.kit.heat import Words, heat_map
from moe_lab.reports.kit.picture import FULL, Picture, draw
from moe_lab.reports.kit.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: up to this number of tasks, percentages are written into the cells
WRITTEN = 12
SERVED = Words(
    "task_expert_then",
    "Experts of each task right after it was learned",
    "task",
    "task",
    "expert",
    "A row is a task, a column an expert. A cell counts the test samples of the task whose largest weight was the "
    "expert's right after the task was learned. {}",
)
AT_THE_END = replace(
    SERVED,
    stem="task_expert",
    title="Experts of each task at the end",
    caption="The same after the last task. If a row's samples are in other columns than before, the gate now sends "
    "them to other experts.",
)


def task_pictures(arrays: RunArrays) -> tuple[Picture, ...]:
    """The figures; None if the run has no tasks in a sequence."""
    try:
        tasks, within = tasks_of(arrays), tasks_of(arrays, within=True)
    except Undefined:
        return ()
    names = _names(tasks, arrays)
    matrix = accuracy_matrix(tasks, within, names)
    matrix = replace(matrix, caption=f"{matrix.caption}{_unlearned(tasks, arrays, names)}")
    if arrays.experts == 1:
        return (matrix,)
    words = replace(SERVED, caption=SERVED.caption.format(_added_experts(tasks)))
    order = range(tasks.count)
    then = np.stack([_counts(tasks, task, task, arrays.experts) for task in order], 1)
    last = np.stack([_counts(tasks, task, tasks.count - 1, arrays.experts) for task in order], 1)
    return (matrix, heat_map(then, names, order, words), heat_map(last, names, order, AT_THE_END))


def accuracy_matrix(tasks: Tasks, within: Tasks, names: list[str]) -> Picture:
    """R, with a row per task learned last and a column per task tested; beside it the same within the task."""
    panels = {
        "accuracy": ("among all classes (%)", tasks),
        "accuracy_within_task": ("among the classes of the task (%)", within),
    }
    rows_of = {name: np.vstack([one.before_T, one.accuracy_TT]) for name, (_, one) in panels.items()}
    after = ["none", *map(str, range(tasks.count))]

    def paint(figure: "Figure", axes: "Axes") -> None:
        axes.remove()
        for place, (panel, (name, (title, _))) in enumerate(
            zip(figure.subplots(1, len(panels)), panels.items(), strict=True)
        ):
            image = panel.imshow(rows_of[name], cmap="Blues", vmin=0, vmax=1, aspect="auto")
            panel.set_title(title)
            _label(panel, names, after, first=place == 0)
            if tasks.count <= WRITTEN:
                _write(panel, rows_of[name])
        bar = figure.colorbar(image, ax=figure.axes, location="right", shrink=0.7, aspect=20, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_ticks([0, 0.5, 1], labels=["0", "50", "100"])

    rows = tuple(
        {"after_task": after[i], "task": j, "task_name": names[j]}
        | {name: float(rows_of[name][i, j]) for name in panels}
        for i in range(tasks.count + 1)
        for j in range(tasks.count)
    )
    ends = ", ".join(f"{100 * value:.0f}" for value in tasks.accuracy_TT[-1])
    height = 1.5 + 0.27 * (tasks.count + 1)
    return Picture(
        "task_accuracy",
        "Accuracy on every task after every task",
        f"Two heat maps of {tasks.count} tasks. Accuracy after the last task, by task: {ends} %.",
        "Rows are the tasks in the order of learning, columns the task that is tested. On the diagonal a task has "
        "just been learned; below it is what remains later, above it what is known before. The first row is the "
        "mixture before training. Left: the prediction is among all classes. Right: it is known of which task a "
        "sample is.",
        draw(FULL, height, paint),
        rows,
        FULL,
    )


def _label(panel: "Axes", names: list[str], after: list[str], first: bool) -> None:
    panel.set_xticks(range(len(names)), [name if len(names) <= 6 else str(n) for n, name in enumerate(names)])
    panel.set_yticks(range(len(after)), after)
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_xlabel("task that is tested", loc="right")
    if first:
        panel.set_ylabel("learned last", loc="top")


def _write(panel: "Axes", rows_TT: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(rows_TT):
        ink = "white" if value > 0.55 else INK
        panel.text(j, i, f"{100 * value:.0f}", ha="center", va="center", color=ink, fontsize=8)


def _counts(tasks: Tasks, task: int, after: int, experts: int) -> np.ndarray:
    return np.bincount(tasks.served(task, after), minlength=experts)


def _names(tasks: Tasks, arrays: RunArrays) -> list[str]:
    """A task by its number and its classes."""
    found = []
    for task in range(tasks.count):
        classes = np.unique(arrays.label_N[tasks.of(task)])
        found.append(f"{task}: " + " ".join(arrays.class_names[one] for one in classes))
    return found


def _unlearned(tasks: Tasks, arrays: RunArrays, names: list[str]) -> str:
    """The tasks with no better accuracy than guessing among their classes, right after they were learned."""
    never = [name for name, not_learned in zip(names, unlearned_T(tasks, arrays.label_N), strict=True) if not_learned]
    return f" Never learned, no better than guessing within the task: {'; '.join(never)}." if never else ""


def _added_experts(tasks: Tasks) -> str:
    """The experts added for each task."""
    if tasks.experts_T[0] == tasks.experts_T[-1]:
        return "All experts were there from the start."
    counts = [0, *tasks.experts_T.tolist()]
    came = [
        f"with task {task} {_experts(first, last)}"
        for task, (first, last) in enumerate(zip(counts[:-1], counts[1:], strict=True))
        if last > first
    ]
    return f"Added: {', '.join(came)}."


def _experts(first: int, last: int) -> str:
    return f"expert {first}" if last == first + 1 else f"experts {first} to {last - 1}"
