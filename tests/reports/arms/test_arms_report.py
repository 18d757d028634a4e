"""The report of many runs, read as a browser reads it."""

import csv
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.reports import ArmsReport
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.decomposition import Decomposition, decompositions, routed
from moe_lab.store.run import Run

UNKNOWN = "reference_<i>new</i>_bits"


def claimed(folder):
    """Makes the folder when it is asked for, as the command line does."""

    def claim():
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    return claim


@pytest.fixture(scope="module")
def made(make_run, tmp_path_factory, nasty):
    """A sweep: a softmax arm and one of a nasty name, three seeds each, of which the last diverged."""
    jobs = tmp_path_factory.mktemp("sweep") / "jobs"
    runs = []
    for gate, words in (("softmax", {}), ("nasty", {"gate": nasty})):
        for seed in range(3):
            ended = "diverged" if (gate, seed) == ("nasty", 2) else "finished"
            run = make_run(
                f"{gate}-{seed}", seed=seed + 1, gate="softmax", differs={**words, "seed": seed}, status=ended
            )
            shutil.copytree(run.path, jobs / run.name)
            run = Run(jobs / run.name)
            if run.finished:
                metrics = run.metrics | {UNKNOWN: {"value": 0.1 * seed, "unit": "<b>bits</b>"}}
                (run.path / "metrics.json").write_text(json.dumps(metrics))
            runs.append(Run(run.path))
    return runs


@pytest.fixture(scope="module")
def out(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report") / "fresh"
    assert ArmsReport(made).write(claimed(folder)) == folder / "report.html"
    return folder


@pytest.fixture(scope="module")
def page(out, open_page):
    return open_page(out / "report.html")


def test_the_page_is_whole_self_contained_and_escaped(page, nasty):
    assert page.open == []
    assert not {"script", "link"} & {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:image/svg+xml;base64,") and image["alt"] for image in page.all("img"))
    assert any("default-src 'none'" in (meta.get("content") or "") for meta in page.all("meta"))
    assert nasty in page.text and "<i>new</i>" in page.text and "<b>bits</b>" in page.text
    assert "i" not in {tag for tag, attributes in page.tags if not attributes} and not page.all("b")


def test_the_first_screen_answers(page):
    assert "6 runs, 2 arms" in page.text
    assert "5 of 6 runs finished; 1 diverged." in page.text
    head = page.text.partition("Arms, the best first\n")[0]
    assert "Lowest test error" in head and "too few seeds to be sure" in head


def test_tables(page):
    ids = [table.get("id") for table in page.all("table")]
    assert ids[:2] == ["ranking", "metrics"] and {"agreements", "choices", "runs"} <= set(ids)
    # mean, then the ends of its interval, without a blank between cells
    assert re.search(r"Test error \(%\)[\d.−]+ to [\d.]+", page.text.partition("Headline numbers")[2])


def test_the_contents_lead_to_chapters(page):
    places = {section.get("id") for section in page.all("section")}
    inside = [link["href"].removeprefix("#") for link in page.all("a") if link["href"].startswith("#")]
    assert len(inside) > 8 and set(inside) == places - {"arms"}


def test_captions_say_n(page):
    parts = page.text.split("Numbers (CSV)")[:-1]
    assert len(parts) == len(page.all("img")) == 20
    assert all(re.search(r"n = \d", part) for part in parts)
    assert "Thin lines: each seed. Markers at the end: the test split." in page.text and "dashed:" not in page.text


def test_every_number_of_the_report_is_in_its_data(out, made):
    data = json.loads((out / "report.json").read_text())
    assert [arm["finished_seeds"] for arm in data["arms"]] == [3, 2]
    errors = [run.metrics["test_error_rate"]["value"] for run in made[:3]]
    [found] = [one for one in data["summaries"] if one["arm"] == "softmax" and one["metric"] == "test_error_rate"]
    assert (found["n"], found["mean"]) == (3, pytest.approx(np.mean(errors)))
    assert data["family"] == {"metrics": ["test_error_rate", "mutual_information_expert_label_bits"], "comparisons": 2}
    assert [run["status"] for run in data["runs"]] == ["finished"] * 5 + ["diverged"]
    assert {row["arm"]: row["pairs"] for row in data["agreement"]}["softmax"] == 3


def test_csvs_are_tidy(out, made):
    with (out / "values.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["metric"] == "test_error_rate"]
    assert [float(row["value"]) for row in rows] == [run.metrics["test_error_rate"]["value"] for run in made[:5]]
    with (out / "runs.csv").open() as file:
        assert [row["run"] for row in csv.DictReader(file)] == [run.name for run in made]
    for path in (out / "figures").glob("*.svg"):
        assert path.with_suffix(".csv").is_file()


def test_loads_are_sorted_and_sum_to_all(out):
    with (out / "figures" / "loads.csv").open() as file:
        shares = [float(row["share_percent"]) for row in csv.DictReader(file) if row["arm"] == "softmax"]
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(100)


def test_markdown_escapes_and_aligns(out):
    text = (out / "report.md").read_text()
    assert "<script" not in text and "&lt;script&gt;" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(line) for line in block.splitlines()}) == 1


def test_made_again_it_has_the_same_bytes(out, made):
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    ArmsReport([Run(run.path) for run in made]).write(claimed(out))
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_row_a_run(made, nasty):
    rows = ArmsReport(made, "softmax").rows
    assert list(rows[0])[:5] == ["arm", "run", "status", "seed", "gate"]
    assert [row["arm"] for row in rows] == ["softmax"] * 3 + [nasty] * 3
    assert rows[5]["status"] == "diverged" and rows[5]["test_error_rate"] is None


def test_two_single_runs(make_run, tmp_path, open_page):
    runs = [
        make_run("plain", gate="softmax", differs={"seed": 1}),
        make_run("fallen", experts=10, collapsed=True, differs={"gate": "attentive", "seed": 1}, validation=False),
    ]
    page = open_page(ArmsReport(runs).write(claimed(tmp_path)))
    assert "A difference between single runs is not yet a result" in page.text
    assert "plain" in page.text and "fallen" in page.text
    # no interval, no star, no test, and no figure of one point
    numbers = page.text.partition("Headline numbers")[2]
    assert re.search(r"Test error \(%\)[\d.]+lower is better", numbers)
    assert "sign-flip" not in page.text and not list((tmp_path / "figures").glob("metric_*"))
    assert "undefined" in page.text and "H(load) is 0" in page.text
    with (tmp_path / "figures" / "accuracy.csv").open() as file:
        assert {row["arm"]: row["split"] for row in csv.DictReader(file)} == {
            "softmax": "validation",
            "attentive": "training",
        }
    assert "; dashed: on the training data, in arms without a validation split." in page.text
    assert "Thin lines" not in page.text
    # the collapsed run has no place among I/H, and a line in the figure
    assert "Dotted lines: arms without I(E;Y) (attentive)." in page.text


def test_only_unfinished_runs(make_run, tmp_path, open_page):
    runs = [make_run(f"stopped-{n}", status="failed", epochs=1, differs={"k": n}) for n in range(2)]
    page = open_page(ArmsReport(runs).write(claimed(tmp_path)))
    assert page.all("img") == [] and "0 of 2 runs finished; 2 failed." in page.text
    assert [table.get("id") for table in page.all("table")] == ["ranking", "choices", "runs"]


def test_nothing_is_claimed_where_a_run_lacks_a_file(made, tmp_path):
    shutil.copytree(made[0].path, tmp_path / "torn")
    (tmp_path / "torn" / "routing.npz").unlink()
    with pytest.raises(RunError, match="routing.npz is missing"):
        ArmsReport([Run(tmp_path / "torn")]).write(claimed(tmp_path / "out"))
    (tmp_path / "torn" / "routing.npz").write_bytes(b"no archive")
    with pytest.raises(RunError, match="routing.npz is torn"):
        ArmsReport([Run(tmp_path / "torn")]).write(claimed(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_routings_are_read_as_they_were_written(made):
    [arm, _] = collect(made).arms
    found = routed(arm.counted[0])
    weights_NE = made[0].routing["weights"]
    assert (found.expert_N == weights_NE.argmax(1)).all() and found.experts == 5 and found.one == "class"
    assert found.counts_EC.sum() == len(weights_NE)


def test_seeds_that_found_the_same_experts_under_other_names(made):
    """Runs that differ in the names of their experts alone: matched classes are those of the first, agreement is 1."""
    [arm, _] = collect(made).arms
    one = routed(arm.counted[0])
    names = np.array([3, 0, 4, 1, 2])
    other = replace(one, expert_N=names[one.expert_N].astype(np.int16))
    found = Decomposition(arm, (one, other, one))
    assert all(pair.ari == 1 and pair.matched == 1 for pair in found.pairs.values())
    assert found.matched_counts_EC == pytest.approx(one.counts_EC / one.counts_EC.sum(0))
    assert found.over_pairs("excess").mean == pytest.approx(1 - found.pairs[0, 1].null_ari)


def test_one_expert_has_no_decomposition(make_run):
    assert decompositions(collect([make_run("one", experts=1)]).arms) == []
