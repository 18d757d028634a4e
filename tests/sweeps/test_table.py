"""Rows of jobs."""

import io

import pandas as pd
import pytest

from moe_lab.reports.kit.choices import ABSENT
from moe_lab.store.cells import csv_text
from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.table import job_rows


def rows_of(*words: str) -> list[dict]:
    jobs = plan([*words, "dataset=digits"]).jobs
    ends = [("finished", "", {"test_error_rate": 0.1, "dead_experts": None})] * (len(jobs) - 1)
    ends.append(("failed", "MemoryError", {}))
    outcomes = [
        Outcome(planned.name, state, reason, planned.job.differs, headline)
        for planned, (state, reason, headline) in zip(jobs, ends, strict=True)
    ]
    return job_rows(outcomes, jobs)


def test_a_row_a_job():
    rows = rows_of("k=2", "gate=softmax,attentive", "seed=0,1")
    assert list(rows[0]) == ["job", "status", "k", "seed", "gate", "test_error_rate", "error"]
    assert rows[3]["error"] == "MemoryError" and rows[3]["test_error_rate"] is None
    made = [(row["gate"], row["seed"]) for row in rows]
    assert made == [("softmax", 0), ("softmax", 1), ("attentive", 0), ("attentive", 1)]


@pytest.mark.parametrize(
    ("words", "key", "groups"),
    [
        (["gate=softmax,attentive"], "gate", ["softmax", "attentive"]),
        (["baseline=none,dense_total"], "baseline", ["none", "dense_total"]),
        (["regularizer=[],[importance]"], "regularizer", ["[]", "[importance]"]),
        (["trainer.lr=1e-3,1e-2"], "trainer.lr", [0.001, 0.01]),
        # left open it is every expert
        (["k=null,2"], "k", [5, 2]),
        (["trainer.limit_batches=null,3"], "trainer.limit_batches", ["none", "3"]),
        # without a value of its own it is the seed
        (["seed_init=null,3", "seed=7"], "seed_init", [7, 3]),
        # an arm without regularizers has no weight of one
        (
            ["regularizer=[],[importance]", "regularizers.importance.weight=0.3"],
            "regularizers.importance.weight",
            [ABSENT, "0.3"],
        ),
    ],
    ids=str,
)
def test_pandas_groups_lose_no_arm(words, key, groups):
    rows = rows_of(*words)
    frame = pd.read_csv(io.StringIO(csv_text(list(rows[0]), rows)))
    assert set(dict(list(frame.groupby(key)))) == set(groups)
    assert len(frame) == sum(len(group) for _, group in frame.groupby(key)) == 2
