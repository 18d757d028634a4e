"""Rows of jobs."""

from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.table import job_rows

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
