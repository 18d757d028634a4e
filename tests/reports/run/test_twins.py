"""A run beside its twins, whatever has become of these."""

import json
import shutil

import pytest

from moe_lab.reports import write_run_report
from moe_lab.reports.run.twins import ONE_SEED, beside
from moe_lab.store.run import Run

S = "\N{NO-BREAK SPACE}"


@pytest.fixture
def run(make_run):
    """A run with two finished twins."""
    made = make_run("with-twins")
    for name in ("single", "dense_total"):
        shutil.copytree(make_run(name, experts=1).path, made.path / "twins" / name)
    return made


def set_status(folder, status):
    facts = json.loads((folder / "status.json").read_text())
    (folder / "status.json").write_text(json.dumps(facts | {"status": status}))


def set_error(folder, error):
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test_error_rate"]["value"] = error
    (folder / "metrics.json").write_text(json.dumps(metrics))


def test_the_clause_names_each_that_has_ended(run):
    set_error(run.path / "twins/single", 0.25)
    set_status(run.path / "twins/dense_total", "diverged")
    told = f"beside it one network like an expert 25.0{S}%, a dense network of as many parameters diverged {ONE_SEED}"
    assert beside(Run(run.path)) == told
    set_status(run.path / "twins/single", "interrupted")
    set_status(run.path / "twins/dense_total", "running")
    assert beside(Run(run.path)) == ""


def test_the_table_says_how_each_stands_and_leaves_out_what_has_not_begun(run):
    set_status(run.path / "twins/single", "interrupted")
    set_status(run.path / "twins/dense_total", "planned")
    text = write_run_report(Run(run.path)).with_suffix(".md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| one network like an expert"))
    assert row.split("|")[2].strip() == "interrupted" and "a dense network of as many" not in text
    set_status(run.path / "twins/single", "planned")
    assert "worth it" not in write_run_report(Run(run.path)).with_suffix(".md").read_text()
