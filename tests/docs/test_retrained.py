"""What kept studies give with today's code stands beside what is kept."""

import csv
import json

import pytest

from docs import retrained
from docs.retrained import COLUMNS, FILE, STUDIES, Retrained, rows_of, trials_of, write
from docs.tables import kept_values

with (STUDIES / FILE).open(newline="") as file:
    ROWS = list(csv.DictReader(file))


@pytest.mark.parametrize("folder", sorted({row["study"] for row in ROWS}))
def test_a_study_is_there_with_every_arm_that_could_be_trained(folder):
    kept = kept_values(STUDIES / folder / "study-runs.csv")
    rows = [row for row in ROWS if row["study"] == folder]
    assert {(row["arm"], row["name"]) for row in rows} <= kept.keys()
    assert all(float(row["kept"]) == kept[row["arm"], row["name"]][int(row["seed"])] for row in rows)
    facts = json.loads((STUDIES / folder / "study.json").read_text())
    taught = {arm for arm in facts["arms"] if arm.startswith("distilled")}
    assert {row["arm"] for row in rows} == facts["arms"].keys() - taught


def test_as_many_are_the_same_as_is_said():
    errors = [row["kept"] == row["again"] for row in ROWS if row["name"] == "test_error_rate"]
    page = " ".join((STUDIES.parent / "studies.md").read_text().split())
    assert f"Of {len(errors)} test errors {sum(errors)} are the same." in page


def test_the_largest_differences_are_those_that_are_said():
    errors = [row for row in ROWS if row["name"] == "test_error_rate"]
    errors.sort(key=lambda row: abs(float(row["kept"]) - float(row["again"])), reverse=True)
    most = errors[0]
    assert (most["study"], most["arm"]) == ("claims/snnl-fashion_mnist", "snnl")
    assert f"{abs(float(most['kept']) - float(most['again'])):.3f}" == "0.005"
    losses = {
        (row["study"], row["arm"]): abs(float(row["kept"]) - float(row["again"]))
        for row in ROWS
        if row["name"] == "test_loss_nats"
    }
    largest = max(losses, key=losses.__getitem__)
    assert largest == ("claims/zero_computation-digits", "with others") and f"{losses[largest]:.3f}" == "0.047"


def test_a_run_is_that_of_the_kept_arm():
    """Of the study of layers on digits: three arms, their first seed, 0."""
    trials = trials_of("layers/digits")
    assert [(one.arm, one.seed) for one in trials] == [("dense", 0), ("switch", 0), ("top_k", 0)]
    assert trials[1].job.job.config["network"]["width"] > 0 and trials[0].job.job.config["baseline"] is not None


def test_values_stand_beside_each_other(tmp_path, monkeypatch):
    """Of runs that are there already; a metric that a run does not have stays empty."""
    trained = []
    monkeypatch.setattr(retrained, "run_sweep", lambda plan, folder, launcher: trained.extend(plan.jobs))
    monkeypatch.setattr(retrained, "STUDIES", tmp_path / "studies")
    (tmp_path / "studies" / "layers").mkdir(parents=True)
    (tmp_path / "studies" / "layers" / "digits").symlink_to(STUDIES / "layers" / "digits")
    for one in trials_of("layers/digits"):
        folder = tmp_path / "runs" / "layers" / "digits" / "jobs" / one.job.name
        folder.mkdir(parents=True)
        (folder / "status.json").write_text('{"status": "finished"}')
        (folder / "metrics.json").write_text(json.dumps({"test_error_rate": {"value": 0.25, "unit": "fraction"}}))
    rows = list(rows_of("layers/digits", tmp_path / "runs"))
    assert len(trained) == 3
    kept = kept_values(STUDIES / "layers" / "digits" / "study-runs.csv")
    assert ["layers/digits", "switch", 0, "test_error_rate", kept["switch", "test_error_rate"][0], 0.25] in rows
    assert {row[5] for row in rows} == {0.25, None} and len(rows[0]) == len(COLUMNS)
    other = "other,a,0,test_error_rate,0.5,0.5"
    (tmp_path / "studies" / FILE).write_text("\n".join([",".join(COLUMNS), other, "layers/digits,a,0,b,1,1", ""]))
    write(["layers/digits"], tmp_path / "runs")
    lines = (tmp_path / "studies" / FILE).read_text().splitlines()
    assert lines[1] == other and len(lines) == 2 + len(rows)
    # each differs from .25 by the difference of its own kept error
    largest = max(abs(0.25 - of[0]) for (_, name), of in kept.items() if name == "test_error_rate")
    assert Retrained("studies.md").text().splitlines()[2:] == [
        "| other | 1 | 1 | 0.0000 |",
        f"| layers/digits | 3 | 0 | {largest:.4f} |",
    ]
