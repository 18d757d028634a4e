"""A study's files: by its command, and again from what is kept."""

import csv
import json
from pathlib import Path
from statistics import mean
from xml.etree import ElementTree

import pytest

from moe_lab.sweeps.studies.write import write_again


def test_the_command(cli, own, tmp_path):
    words = ["study", "tiny", "--config-dir", own, "--runs", tmp_path, "launcher=serial"]
    listed = cli(*words, "--dry-run")
    assert listed.code == 0 and "4 runs, then pupil over 2 seeds; nothing has been written" in listed.out
    assert not list(tmp_path.glob("tiny*"))
    done = cli(*words)
    assert done.code == 0, done.err
    assert "4 runs, 4 of them ended, then pupil over 2 seeds" in cli(*words, "--dry-run").out
    folder = tmp_path / "tiny-small-paper-published"
    facts = json.loads((folder / "study.json").read_text())
    assert [line["n"] for line in facts["levels"]] == [2] * 6
    setting = ["regularizers.importance.weight=1"]
    settings = {arm: one["settings"] for arm, one in facts["arms"].items()}
    assert settings == {"plain": [""], "balanced": setting, "pupil": setting}
    assert facts["arms"]["plain"]["sizes"]["experts"] == 5
    page = (folder / "study.md").read_text()
    assert "| plain" in page and "moe-lab study tiny" in page and "](study.svg)" in page
    assert ElementTree.parse(folder / "study.svg").getroot().tag.endswith("svg")
    with (folder / "study-runs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(line["n"] for line in facts["levels"])
    for line in facts["levels"]:
        values = [float(row["value"]) for row in rows if (row["arm"], row["name"]) == (line["arm"], line["name"])]
        assert mean(values) == pytest.approx(line["mean"])
    stamps = {path: path.stat().st_mtime_ns for path in folder.rglob("routing.npz")}
    assert len(stamps) == 6
    assert cli(*words, "-q").out.strip() == str(folder)
    assert stamps == {path: path.stat().st_mtime_ns for path in folder.rglob("routing.npz")}
    # a damaged run is left out, and named
    damaged = sorted(folder.glob("jobs/*/metrics.json"))[0]
    damaged.write_text(damaged.read_text()[:-9])
    again = cli(*words)
    assert again.code == 0 and f"moe-lab: left out: {damaged} is not what the run has written" in again.err
    assert sorted(line["n"] for line in json.loads((folder / "study.json").read_text())["levels"]) == [1, 1, 2, 2, 2, 2]
    assert "Left out, because it cannot be read" in (folder / "study.md").read_text()
    # where none can be read there is nothing to draw
    (folder / "study.svg").unlink()
    for one in folder.glob("jobs/*/metrics.json"):
        one.write_text("")
    assert cli(*words).code == 0 and "study.svg" not in (folder / "study.md").read_text()
    assert not (folder / "study.svg").exists()
    wrong = cli("study", "tinny", "--config-dir", own)
    assert wrong.code == 2 and wrong.err.startswith("moe-lab: no study named 'tinny'. Did you mean tiny?")


KEPT = Path(__file__).parents[3] / "docs" / "studies"


@pytest.mark.parametrize("name", sorted(str(path.parent.relative_to(KEPT)) for path in KEPT.rglob("study.json")))
def test_the_kept_studies_are_written_with_the_margins_and_rules_of_today(name, tmp_path):
    """Otherwise: python docs/studies/again.py docs/studies/FOLDER"""
    for file in ("study.json", "study-runs.csv"):
        (tmp_path / file).write_bytes((KEPT / name / file).read_bytes())
    write_again(tmp_path)
    assert (tmp_path / "study.md").read_text() == (KEPT / name / "study.md").read_text()
    for file in ("study.csv", "study-runs.csv"):
        # the last digits are the machine's
        for ours, kept in zip(cells(tmp_path / file), cells(KEPT / name / file), strict=True):
            assert ours == kept or float(ours) == pytest.approx(float(kept), rel=1e-9, abs=1e-12), (file, ours, kept)


def cells(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [cell for row in csv.reader(file) for cell in row]
