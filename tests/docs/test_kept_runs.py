"""The runs that pages show were trained by the words that docs/kept_runs.py has."""

import csv
import shlex

import pytest

from docs import kept_runs
from docs.kept_runs import KEPT, KeptRuns
from docs.tables import DOCS
from tests.composing import composed


@pytest.mark.parametrize("name", KEPT)
def test_a_file_has_every_arm_seed_and_metric(name):
    kept = KEPT[name]
    with (DOCS / "studies" / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], int(row["seed"])) for row in rows] == [
        (arm, seed) for arm in kept.arms for seed in range(kept.seeds)
    ]
    assert {tuple(row) for row in rows} == {("arm", "seed", *kept.metrics)}
    assert all(any(row[metric] for row in rows) for metric in kept.metrics)


@pytest.mark.parametrize("name", KEPT)
def test_its_arms_differ_and_are_configs(name):
    configs = [composed(*KEPT[name].words(arm)) for arm in KEPT[name].arms]
    assert all(one not in configs[:at] for at, one in enumerate(configs))


def test_missing_runs_are_trained_and_the_others_read(tmp_path, monkeypatch):
    """Two seeds of one arm, written twice."""
    monkeypatch.setattr(kept_runs, "DOCS", tmp_path)
    (tmp_path / "studies").mkdir()
    short, runs = "trainer.epochs=1 trainer.limit_batches=1", tmp_path / "runs"
    kept = {"few/runs.csv": KeptRuns({"a, b": "gate=softmax"}, ("test_error_rate",), short, seeds=2)}
    monkeypatch.setattr(kept_runs, "KEPT", kept)
    kept_runs.write("few/runs.csv", runs)
    written = (tmp_path / "studies" / "few" / "runs.csv").read_text().splitlines()
    assert written[0] == "arm,seed,test_error_rate" and [next(csv.reader([one]))[:2] for one in written[1:]] == [
        ["a, b", "0"],
        ["a, b", "1"],
    ]
    [folder] = runs.glob("few/runs/*")
    assert folder.name == "a-b"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("jobs/*/metrics.json")}
    kept_runs.write("few/runs.csv", runs)
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("jobs/*/metrics.json")} and len(before) == 2


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("readme/runs.csv", "../README.md"),
        ("readme/text.csv", "../README.md"),
        ("second-softmax/runs.csv", "studies/second-softmax.md"),
        ("mixture-layers/runs.csv", "studies/mixture-layers.md"),
    ],
)
def test_a_page_prints_the_words(name, page):
    """Each word of each arm stands in a command of the page, by itself or as one of several values."""
    commands = [line for line in (DOCS / page).read_text().replace("\\\n", " ").splitlines() if "moe-lab " in line]
    printed = {word for line in commands for word in shlex.split(line.strip("`> "), comments=True) if "=" in word}
    values = {
        f"{key}={value}"
        for key, _, several in (word.partition("=") for word in printed)
        for value in several.split(",")
    }
    assert {word for arm in KEPT[name].arms for word in KEPT[name].words(arm)} <= printed | values
