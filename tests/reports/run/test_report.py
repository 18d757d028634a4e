"""The report of one run, read as a browser reads it."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import by_group, title
from moe_lab.reports import write_run_report
from tests.reports.run.drawn import FIGURES, stems


@pytest.fixture(scope="module")
def run(make_run):
    finished = make_run("plain")
    write_run_report(finished)
    return finished


@pytest.fixture(scope="module")
def page(run, open_page):
    return open_page(run.path / "report.html")


def test_the_path_of_the_page_is_returned(run):
    assert write_run_report(run) == run.path / "report.html"


def test_the_page_is_self_contained(page):
    policy = {meta.get("http-equiv"): meta["content"] for meta in page.all("meta") if "content" in meta}
    assert policy["Content-Security-Policy"] == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:image/svg+xml;base64,") for image in page.all("img"))
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]
    assert page.open == []


def test_the_page_names_no_address(run):
    assert not re.search(r"https?://", (run.path / "report.html").read_text())


def test_every_link_leads_to_a_file_beside_the_page(run, page):
    hrefs = [link["href"] for link in page.all("a")]
    files = [href for href in hrefs if not href.startswith("#")]
    assert len(files) == len(FIGURES)
    assert all((run.path / file).is_file() for file in files)


def test_the_contents_lead_to_every_chapter(page):
    """And the headline's link to the metrics, which are in the contents too."""
    places = [section["id"] for section in page.all("section") if "id" in section]
    inside = [link["href"].removeprefix("#") for link in page.all("a") if link["href"].startswith("#")]
    assert sorted(inside) == sorted([*(place for place in places if place != "headline"), "metrics"])


def test_every_image_says_what_is_seen(page):
    alts = [image["alt"] for image in page.all("img")]
    assert len(alts) == len(FIGURES)
    assert all(len(alt) > 20 for alt in alts)


def test_every_figure_has_its_numbers(run):
    assert stems(run.path, "svg") == stems(run.path, "csv") == FIGURES
    for stem in FIGURES:
        header, *rows = (run.path / "figures" / f"{stem}.csv").read_text().splitlines()
        assert "," in header
        assert rows


def test_figures_hold_no_script_and_no_date(run):
    for path in (run.path / "figures").glob("*.svg"):
        text = path.read_text()
        assert "<script" not in text
        assert "<dc:date" not in text


def test_every_headline_number_is_one_of_metrics_json(run, page):
    metrics = json.loads((run.path / "metrics.json").read_text())
    shown = {data["title"]: float(data["value"]) for data in page.all("data")}
    assert len(shown) == 11
    assert shown == {name: metrics[name]["value"] for name in shown}


def test_all_metrics_stand_in_the_table(run, page):
    # a mixture that predicts classes has no metric of regression, of language models
    # or networks of layers
    shown = [name for name, one in METRICS.items() if one.serves("classification") and not one.of_networks]
    titles = [title(group) for group, names in by_group(shown).items() if names]
    places = [page.text.index(one, page.text.rindex("All metrics")) for one in titles]
    assert places == sorted(places) and len(page.all("details")) - 1 == len(titles)
    assert all((name in page.text) == METRICS[name].serves("classification") for name in run.metrics)


def test_chapters_stand_in_the_order_of_a_reader(page):
    chapters = [
        "Headline numbers",
        "What was run",
        "Accuracy",
        "Usage of each expert",
        "Entropy of the gate by sample",
        "Which classes each expert gets",
        "The most typical images",
        "Each expert compared with the mixture",
        "Time and place",
    ]
    places = [page.text.index(chapter) for chapter in chapters]
    assert places == sorted(places)


def test_what_differs_comes_before_the_other_choices(page):
    assert page.text.index("gate = attentive") < page.text.index("batch size")


def test_the_markdown_says_the_same(run, page):
    text = (run.path / "report.md").read_text()
    expected = {f"figures/{stem}.{ending}" for stem in FIGURES for ending in ("svg", "csv")}
    assert set(re.findall(r"\((figures/[^)]*)\)", text)) == expected
    error = f"{100 * run.metrics['test_error_rate']['value']:.1f}"
    assert f"test error {error}\N{NO-BREAK SPACE}%" in text
    assert f"test error {error}\N{NO-BREAK SPACE}%" in page.text


def test_made_again_it_has_the_same_bytes(run):
    def contents() -> dict[str, bytes]:
        found = [path for path in run.path.rglob("*") if path.is_file()]
        return {str(path.relative_to(run.path)): path.read_bytes() for path in found}

    before = contents()
    write_run_report(type(run)(run.path))
    assert contents() == before


def test_torch_is_not_imported():
    code = "import sys, moe_lab.reports; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_class_name_is_lost_from_the_table(run):
    lines = (run.path / "figures" / "class_expert.csv").read_text().splitlines()[1:]
    counts = np.array([[int(cell) for cell in line.split(",")[2:]] for line in lines])
    assert counts.sum() == 360
