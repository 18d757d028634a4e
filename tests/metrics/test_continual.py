"""Tasks in a sequence: what has no value, and what holds whatever was learned. Values by hand are in
expected.py."""

import numpy as np
import pytest

from moe_lab.metrics import METRICS, RunArrays, compute
from moe_lab.metrics.continual import Tasks, unlearned_T

TASKS = [name for name, metric in METRICS.items() if metric.group == "continual"]


@pytest.fixture
def changed(tiny):
    """The metrics of the tiny run with other stages."""

    def make(**stages):
        return compute(RunArrays.from_files({**tiny, "stages": {**tiny["stages"], **stages}}))

    return make


def test_a_run_without_tasks(tiny):
    for stages in (None, {"weights": np.zeros((2, 3, 4))}):
        files = {name: arrays for name, arrays in tiny.items() if name != "stages"}
        entries = compute(RunArrays.from_files(files if stages is None else {**files, "stages": stages}))
        assert {entries[name]["value"] for name in TASKS} == {None}
        assert {entries[name]["reason"] for name in TASKS} == {
            "there are no tasks in a sequence: recipe=extend has them"
        }


def test_without_new_experts_there_is_nothing_to_reuse(changed):
    entries = changed(experts=np.array([4, 4, 4, 4]))
    assert entries["experts_added"]["value"] == 0
    for name in ("expert_reuse", "expert_reuse_by_task", "new_expert_share_by_task"):
        assert entries[name]["reason"] == "no experts were added, so all of them are old"


def test_a_task_that_no_expert_got(changed):
    entries = changed(expert=np.array([[0] * 5, [0] * 5, [0] * 5, [0, 0, 0, 0, -1]]))
    assert entries["expert_reuse"]["reason"] == "no expert got any test sample of task 2"


def test_a_task_without_test_samples(changed):
    entries = changed(task_of_class=np.tile([0, 2, 2], (4, 1)))
    assert entries["average_accuracy"]["reason"] == "task 1 has no test sample"


def test_what_never_changes_is_never_forgotten(changed, tiny):
    """Forgetting and both transfers are 0."""
    same = np.tile(tiny["stages"]["prediction"][1], (4, 1))
    entries = changed(prediction=same, prediction_within_task=same, expert=np.zeros((4, 5), dtype=int))
    for name in ("backward_transfer", "forward_transfer", "forgetting", "forgetting_within_task"):
        assert entries[name]["value"] == 0
    assert entries["routing_kept_share"]["value"] == 1 and entries["expert_reuse"]["value"] == 1


def test_a_task_of_two_classes_that_is_answered_as_by_guessing_was_never_learned():
    """Two tasks of two classes, four test samples each: after its turn task 0 is right in 3 of 4; task 1 in 2 of 4, an
    error of .5 where 95 % of that of guessing is .475."""
    tasks = Tasks(
        task_N=np.repeat([0, 1], 4),
        before_T=np.zeros(2),
        accuracy_TT=np.array([[0.75, 0.0], [0.0, 0.5]]),
        expert_TN=np.zeros((2, 8), dtype=int),
        experts_T=np.array([1, 1]),
    )
    assert unlearned_T(tasks, np.array([0, 1, 0, 1, 2, 3, 2, 3])).tolist() == [False, True]
    # with one class each there is nothing to guess
    assert unlearned_T(tasks, np.array([0, 0, 0, 0, 2, 2, 2, 2])).tolist() == [False, False]
