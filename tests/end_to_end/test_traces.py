"""What the commands make of a run folder of kind trace."""

import json
from pathlib import Path

import numpy as np
import pytest

from moe_lab.routing.trace import LayerTrace, Trace
from moe_lab.routing.trace_files import write_trace

SHORT = ("trainer.epochs=1", "trainer.limit_batches=2", "--no-report")


@pytest.fixture
def trace(cli) -> Path:
    folder = Path("runs/recorded")
    folder.mkdir(parents=True)
    layer = LayerTrace(name="block0", experts=4, experts_TK=np.array([[0, 1], [2, 3], [1, 0]]))
    write_trace(folder, Trace(layers=(layer,), document_T=np.array([0, 0, 1])))
    return folder


def test_runs_lists_it_with_its_kind(cli, trace):
    assert cli("train", "--name", "trained", *SHORT).code == 0
    rows = json.loads(cli("runs", "-f", "json").out)
    assert [(row["run"], row["status"], row["kind"]) for row in rows] == [
        ("recorded", "finished", "trace"),
        ("trained", "finished", "mixture"),
    ]
    assert (rows[0]["rows"], rows[0]["documents"], rows[0]["layers"]) == (3, 2, 1)
    shown = cli("runs").out
    assert "trace" in shown and "mixture" in shown
    assert [row["run"] for row in json.loads(cli("runs", "kind=trace", "-f", "json").out)] == ["recorded"]
    # where all are mixtures nobody needs to be told
    assert "mixture" not in cli("runs", "kind=mixture").out


def test_a_report_says_what_it_can_do(cli, trace):
    said = "runs/recorded is a run of kind trace, and reports are of mixtures so far"
    refused = cli("report", "runs/recorded")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1) and said in refused.err
    assert sorted(path.suffix for path in trace.iterdir()) == [".json", ".json", ".npz", ".npz", ".npz"]
    # it hides no other run
    assert cli("train", "--name", "trained", *SHORT).code == 0
    found = cli("report", "runs", "--out", "compared")
    assert found.code == 0 and "1 of 1 run finished" in found.out and f"left out: {said}" in found.err


@pytest.mark.parametrize(
    "words",
    [
        ("train", "--from", "runs/recorded"),
        ("train", "--resume", "runs/recorded"),
        ("train", "recipe=distillation", "recipe.run=runs/recorded"),
        ("train", "difficulty_from=runs/recorded"),
    ],
)
def test_nothing_trains_from_a_trace(cli, trace, words):
    refused = cli(*words)
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1), refused
    assert "recorded" in refused.err and [path.name for path in Path("runs").iterdir()] == ["recorded"]
