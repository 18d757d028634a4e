"""What the commands make of a run folder of kind trace."""

import json
from pathlib import Path

import numpy as np
import pytest

import moe_lab
from moe_lab.metrics import METRICS, compute, elements
from moe_lab.metrics.trace_arrays import TraceArrays
from moe_lab.routing.trace import LayerTrace, Trace
from moe_lab.routing.trace_files import write_trace
from moe_lab.store.run import Run

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


def test_a_report_by_arms_leaves_a_trace_out_and_says_so(cli, trace):
    assert cli("train", "--name", "trained", *SHORT).code == 0
    found = cli("report", "runs", "--out", "compared")
    assert found.code == 0 and "1 of 1 run finished" in found.out
    said = "runs/recorded is a run of kind trace, and this report is of runs that were trained; `moe-lab report"
    assert f"left out: {said} runs/recorded`" in found.err
    # and what it advises works
    made = cli("report", "runs/recorded")
    assert made.code == 0 and made.err == "" and made.out.endswith("\n\nruns/recorded/report.html\n")
    assert made.out.startswith("The trace has no labels, so it cannot be measured what its experts follow.\n\n")
    assert "The trace has no labels" in (trace / "report.html").read_text()
    quiet = cli("report", "runs/recorded", "--format", "json")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "runs/recorded/report.html\n")


def test_traces_are_reported_side_by_side(cli, trace):
    other = Path("runs/other")
    other.mkdir()
    write_trace(other, moe_lab.Trace.read(trace))
    made = cli("report", "runs/recorded", "runs/other", "--out", "both")
    assert made.code == 0 and made.err == "" and made.out.endswith("\n\nboth/report.html\n")
    assert made.out.startswith("A: The trace has no labels") and "\n\nB: The trace has no labels" in made.out
    assert "2 traces" in Path("both/report.html").read_text()
    refused = cli("report", "runs", "--against", "A", "--out", "again")
    assert refused.code == 2 and "--against names an arm of mixtures" in refused.err and not Path("again").exists()


def test_a_trace_and_a_mixture_have_no_report_together(cli, trace):
    assert cli("train", "--name", "trained", *SHORT).code == 0
    refused = cli("report", "runs/recorded", "runs/trained", "--out", "both")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1) and not Path("both").exists()
    assert "runs/recorded is a trace and runs/trained a mixture, which have no report together" in refused.err


def test_a_trained_run_is_a_trace_with_the_same_metrics(cli):
    """Of the stored run, whose metrics.json was computed from its own arrays."""
    for number, words in enumerate(
        (
            ["gate=top_k", "k=2"],
            ["gate=attentive"],
            ["dataset=toy_piecewise", "experts=gaussian", "objective=mixture_density"],
        )
    ):
        assert cli("train", "--name", f"run{number}", *words, *SHORT).code == 0, words
        run = Run(Path(f"runs/run{number}"))
        trace = moe_lab.Trace.read(run.path)
        [layer], [label, *attributes] = trace.layers, trace.document_labels
        assert attributes or number == 2
        found = compute(TraceArrays(trace, layer.name, label))
        assert list(found) == [name for name, one in METRICS.items() if one.of_routing] and len(found) > 25
        for name, entry in found.items():
            expected = elements(run.metrics[name]["value"])
            approximately = [None if one is None else pytest.approx(one, rel=1e-9, abs=1e-12) for one in expected]
            assert elements(entry["value"]) == approximately, name


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
