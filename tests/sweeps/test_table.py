"""Rows of jobs and of arms."""

import pytest

from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.table import arm_rows, job_rows

OUTCOMES = [
    Outcome("a", "finished", "", {"k": 2}, {"test_error_rate": 0.1, "dead_experts": 0}),
    Outcome("b", "finished", "", {"k": 2, "seed": 1}, {"test_error_rate": 0.3, "dead_experts": 1}),
    Outcome("c", "finished", "", {"k": 2, "gate": "switch"}, {"test_error_rate": 0.2, "dead_experts": None}),
    Outcome("d", "failed", "MemoryError", {"k": 2, "gate": "switch", "seed": 1}, {}),
]


def test_a_row_a_job():
    rows = job_rows(OUTCOMES)
    assert list(rows[0]) == ["job", "status", "k", "seed", "gate", "test_error_rate", "dead_experts", "error"]
    assert rows[3]["error"] == "MemoryError" and rows[3]["test_error_rate"] is None and rows[0]["seed"] is None


def test_an_arm_is_all_jobs_that_differ_in_seeds_alone():
    plain, switch = arm_rows(OUTCOMES)
    assert (plain["arm"], plain["n"], plain["not finished"]) == ("defaults", 2, "")
    # mean of 0.1 and 0.3; sd = sqrt((0.1^2 + 0.1^2) / 1)
    assert plain["test_error_rate"] == pytest.approx(0.2) and plain["test_error_rate sd"] == pytest.approx(0.02**0.5)
    assert (switch["arm"], switch["n"], switch["not finished"]) == ({"gate": "switch"}, 1, "1 failed")
    assert switch["test_error_rate"] == 0.2 and switch["test_error_rate sd"] is None
    assert switch["dead_experts"] is None
