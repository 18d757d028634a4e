"""The figures of tasks in a sequence, from stages written by hand."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from moe_lab.metrics import RunArrays
from moe_lab.metrics.continual import Tasks
from moe_lab.reports.run.tasks import _added_experts, _unlearned, accuracy_matrix, task_pictures


@pytest.fixture
def tasks():
    """Two tasks of two samples each; one expert for the first, and two more for the second."""
    return Tasks(
        task_N=np.array([0, 1, 0, 1]),
        before_T=np.array([0.5, 0.0]),
        accuracy_TT=np.array([[1.0, 0.0], [0.25, 0.75]]),
        expert_TN=np.array([[0, 0, 0, 0], [2, 1, 0, -1]]),
        experts_T=np.array([1, 3]),
    )


def test_the_matrix_has_a_row_before_the_first_task(tasks):
    picture = accuracy_matrix(tasks, tasks, ["0: a b", "1: c d"])
    assert [(row["after_task"], row["task"], row["accuracy"]) for row in picture.rows] == [
        ("none", 0, 0.5),
        ("none", 1, 0.0),
        ("0", 0, 1.0),
        ("0", 1, 0.0),
        ("1", 0, 0.25),
        ("1", 1, 0.75),
    ]
    assert "25, 75 %" in picture.alt and picture.svg.startswith(b"<")


def test_which_experts_came_with_which_task(tasks):
    assert _added_experts(tasks) == "Added: with task 0 expert 0, with task 1 experts 1 to 2."
    assert tasks.served(0, 1).tolist() == [2, 0] and tasks.served(1, 1).tolist() == [1]


def test_a_task_that_was_never_learned_is_said(tasks):
    """Task 1 is right in 3 of 4 after its own turn; with .5 of two classes it is as guessing."""
    names, labels = ["0: a b", "1: c d"], SimpleNamespace(label_N=np.array([0, 2, 1, 3]))
    assert _unlearned(tasks, labels, names) == ""
    guessed = replace(tasks, accuracy_TT=np.array([[1.0, 0.0], [0.25, 0.5]]))
    assert _unlearned(guessed, labels, names).endswith("no better than guessing within the task: 1: c d.")


def arrays(**files) -> RunArrays:
    """Four samples of classes a, b, a, c; three experts, the first of all."""
    half = np.full((4, 3), np.log(1 / 3), dtype=np.float32)
    first = np.tile(np.array([1, 0, 0], dtype=np.float32), (4, 1))
    routing = {
        "sample_index": np.arange(4),
        "label": np.array([0, 1, 0, 2]),
        "prediction": np.zeros(4, dtype=int),
        "log_probs": half,
        "probs": first,
        "weights": first,
        "selected": first > 0,
        "expert_prediction": np.zeros((4, 3), dtype=int),
        "expert_log_prob_true": half,
    }
    costs = ("parameters_total", "parameters_active", "multiply_adds_total", "multiply_adds_active")
    evaluation = {**dict.fromkeys(costs, np.array(1)), "class_names": np.array(["a", "b", "c"])}
    return RunArrays.from_files({"routing": routing, "evaluation": evaluation, **files}, [])


def test_experts_of_each_task_then_and_in_the_end():
    said = np.zeros((3, 4), dtype=int)
    stages = {
        "task_of_class": np.tile([0, 1, 1], (3, 1)),
        "experts": np.array([1, 1, 3]),
        "prediction": said,
        "prediction_within_task": said,
        "expert": np.array([[0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 2, 2]]),
    }
    matrix, then, last = task_pictures(arrays(stages=stages))
    # samples 0 and 2 are of task 0, 1 and 3 of task 1
    assert [row["task_name"] for row in then.rows] == ["0: a", "1: b c"]
    of = ("expert_0", "expert_1", "expert_2")
    assert [[row[name] for name in of] for row in then.rows] == [[2, 0, 0], [0, 1, 1]]
    assert [[row[name] for name in of] for row in last.rows] == [[1, 0, 1], [0, 1, 1]]
    assert "with task 1 experts 1 to 2" in then.caption and len(matrix.rows) == 6


def test_a_run_without_tasks_has_no_figure():
    assert task_pictures(arrays()) == ()
