"""Runs side by side, read as a browser reads it."""

import csv
import re

import pytest

from moe_lab.errors import RunError
from moe_lab.reports import comparison, write_comparison

FIGURES = ["accuracy", "information", "loads", "loss"]


def claimed(folder):
    """Makes the folder when it is asked for, as the command line does."""

    def claim():
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    return claim


@pytest.fixture(scope="module")
def two(make_run):
    return [
        make_run("softmax-1", gate="softmax", differs={"seed": 1}),
        make_run("attentive-1", differs={"gate": "attentive", "seed": 1}),
    ]


@pytest.fixture(scope="module")
def three(make_run, two, nasty):
    ten = make_run("ten", experts=10, differs={"gate": nasty, "seed": 1, "experts.count": 10}, validation=False)
    return [*two, ten]


@pytest.fixture(scope="module")
def page(three, tmp_path_factory, open_page):
    out = tmp_path_factory.mktemp("compared") / "fresh"
    html = write_comparison(three, claimed(out))
    assert html == out / "report.html"
    return open_page(html)


@pytest.fixture(scope="module")
def out(three, tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    write_comparison(three, claimed(folder))
    return folder


def test_a_row_a_run_with_what_differs_and_the_headline(two):
    first, second = comparison(two)
    assert list(first)[:4] == ["key", "run", "status", "gate"]
    assert (first["key"], first["run"], first["gate"]) == ("A", "softmax-1", "softmax")
    assert (second["key"], second["run"], second["gate"]) == ("B", "attentive-1", "attentive")
    assert "seed" not in first
    assert first["test_error_rate"] == two[0].metrics["test_error_rate"]["value"]
    assert list(first) == list(second)


def test_different_numbers_of_experts(three):
    rows = comparison(three)
    assert [row["experts.count"] for row in rows] == ["5", "5", "10"]


def test_the_table_is_written_as_csv(out, three):
    with (out / "table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["run"] for row in rows] == ["softmax-1", "attentive-1", "ten"]
    assert [float(row["test_error_rate"]) for row in rows] == [r.metrics["test_error_rate"]["value"] for r in three]


def test_single_runs_are_no_result(page, out):
    assert "n = 1" in page.text
    assert "A difference between single runs is no result yet" in page.text
    assert "A difference between single runs is no result yet" in (out / "report.md").read_text()


def test_two_tables_with_a_column_a_run(page):
    assert [table["id"] for table in page.all("table")] == ["runs", "metrics"]
    rows = re.search(r"Test error \(%\)(.*?)to 100", page.text, re.DOTALL).group(1)
    assert len(re.findall(r"\d+\.\d", rows)) == 3


def test_the_page_is_self_contained_and_escaped(page, nasty):
    assert not {"script", "link"} & {tag for tag, _ in page.tags}
    assert len(page.all("img")) == len(FIGURES)
    assert all(image["src"].startswith("data:") and image["alt"] for image in page.all("img"))
    assert nasty in page.text
    assert page.open == []


def test_every_figure_has_its_numbers(out):
    for ending in ("svg", "csv"):
        assert sorted(path.stem for path in (out / "figures").glob(f"*.{ending}")) == FIGURES


def test_markdown_escapes_and_aligns(out):
    text = (out / "report.md").read_text()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(line) for line in block.splitlines()}) == 1


def test_made_again_it_has_the_same_bytes(out, three):
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write_comparison(three, claimed(out))
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_bounds_that_are_not_the_same_are_not_given(page):
    assert "depend on E" in page.text
    assert "0 to 2.32" not in page.text


def test_curves_fall_back_to_training_where_there_is_no_validation(out):
    with (out / "figures" / "accuracy.csv").open() as file:
        splits = {row["run"]: row["split"] for row in csv.DictReader(file)}
    assert splits == {"softmax-1": "validation", "attentive-1": "validation", "ten": "training"}


def test_loads_are_sorted_and_sum_to_all(out):
    with (out / "figures" / "loads.csv").open() as file:
        shares = [float(row["share_percent"]) for row in csv.DictReader(file) if row["key"] == "C"]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100)
    assert len(shares) == 10


def test_information_stands_against_the_entropy_of_the_load(out, three):
    with (out / "figures" / "information.csv").open() as file:
        rows = list(csv.DictReader(file))
    for run, row in zip(three, rows, strict=True):
        assert float(row["load_entropy_bits"]) == run.metrics["load_entropy_bits"]["value"]
        assert float(row["mutual_information_expert_label_bits"]) <= float(row["load_entropy_bits"])


def test_an_unfinished_run_is_shown_and_not_dropped(make_run, two, tmp_path, open_page):
    lost = make_run("gone", status="diverged", error="NaN")
    page = open_page(write_comparison([*two, lost], claimed(tmp_path)))
    assert "C (gone) has no test numbers: its status is diverged." in page.text
    assert comparison([*two, lost])[2]["test_error_rate"] is None


def test_a_collapsed_run_has_an_undefined_cell_with_its_reason(make_run, two, tmp_path, open_page):
    page = open_page(write_comparison([two[0], make_run("fallen", collapsed=True)], claimed(tmp_path)))
    assert "undefined" in page.text
    assert "B, information_per_usage: H(E) is 0" in page.text


def test_only_unfinished_runs(make_run, tmp_path, open_page):
    runs = [make_run(f"stopped-{n}", status="failed", epochs=1) for n in range(2)]
    page = open_page(write_comparison(runs, claimed(tmp_path)))
    assert page.all("img") == []
    assert [table["id"] for table in page.all("table")] == ["runs"]


def test_equal_choices_are_said_to_be_equal(two, tmp_path, open_page):
    page = open_page(write_comparison([two[0], two[0]], claimed(tmp_path)))
    assert "The runs have the same choices." in page.text
    # both points lie on each other, so their labels are joined
    assert (tmp_path / "figures" / "information.svg").is_file()


def test_more_runs_than_letters_have_numbers(two):
    rows = comparison([two[0]] * 27)
    assert [rows[0]["key"], rows[26]["key"]] == ["1", "27"]


def test_no_run_is_a_mistake(tmp_path):
    with pytest.raises(RunError, match="no run to compare"):
        write_comparison([], claimed(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_nothing_is_claimed_where_a_run_lacks_a_file(two, make_run, tmp_path):
    torn = make_run("torn")
    (torn.path / "routing.npz").unlink()
    with pytest.raises(RunError, match="routing.npz is missing"):
        write_comparison([two[0], torn], claimed(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
