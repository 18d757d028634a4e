"""The report of one run, read as a browser reads it."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import ONE_EXPERT, by_group, title
from moe_lab.reports import write_run_report
from moe_lab.store.atomic import write_npz

FIGURES = [
    "accuracy",
    "attributes",
    "class_expert",
    "entropies",
    "expert_accuracy",
    "gate_entropies",
    "interventions",
    "loss",
    "regretted_images",
    "similarity",
    "swaps",
    "typical_images",
    "usage",
]


def stems(folder: Path, ending: str) -> list[str]:
    return sorted(path.stem for path in (folder / "figures").glob(f"*.{ending}"))


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
    # a mixture that predicts classes has no metric of regression or of language models
    titles = [title(group) for group in by_group(METRICS) if group not in ("regression", "language")]
    places = [page.text.index(one, page.text.rindex("All metrics")) for one in titles]
    assert places == sorted(places) and len(page.all("details")) - 1 == len(titles)
    assert all((name in page.text) == METRICS[name].serves("classification") for name in run.metrics)


def test_chapters_stand_in_the_order_of_a_reader(page):
    chapters = [
        "Headline numbers",
        "What was run",
        "Accuracy",
        "Usage of each expert",
        "Gate entropies",
        "Which classes each expert gets",
        "The most typical images",
        "Each expert against the mixture",
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


@pytest.fixture(scope="module")
def hostile(make_run, nasty):
    names = [f"{nasty}{c}$\\frac$\n\x01" for c in range(10)]
    run = make_run("<b>&\"'|`*", class_names=names, differs={"gate": nasty, nasty: "|"})
    write_run_report(run)
    return run


def test_hostile_names_are_shown_as_text(hostile, open_page, nasty):
    page = open_page(hostile.path / "report.html")
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert page.open == []
    assert f"gate = {nasty}" in page.text
    assert "<b>&\"'|`*" in page.text


def test_hostile_names_are_escaped_in_markdown(hostile):
    text = (hostile.path / "report.md").read_text()
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;\"'\\|" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(columns) == 1


def test_figures_of_hostile_names_are_xml(hostile):
    from xml.etree import ElementTree

    for path in (hostile.path / "figures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_one_expert(make_run, open_page):
    run = make_run("single", experts=1)
    page = open_page(write_run_report(run))
    assert "One expert, so there is nothing to route" in page.text
    assert stems(run.path, "svg") == ["accuracy", "loss", "typical_images"]
    assert ONE_EXPERT not in page.text and "metrics of the choice of expert are left out" in page.text
    assert "nan" not in page.text.lower()


def test_a_collapsed_run_says_so_first(make_run, open_page):
    run = make_run("fallen", collapsed=True)
    page = open_page(write_run_report(run))
    assert run.metrics["top_expert_share"]["value"] == 1
    assert "Collapsed: one of 5 experts has 100.0\N{NO-BREAK SPACE}% of the test samples" in page.text
    # H(E) of the load is 0, so I / H has no value
    assert "undefined" in page.text
    assert run.metrics["information_per_usage"]["reason"] in page.text


def test_null_metrics_are_told_with_their_reason(make_run, open_page):
    run = make_run("gaps", null=("test_error_rate", "dead_experts", "expert_error_rate", "oracle_error_rate"))
    page = open_page(write_run_report(run))
    assert "test error undefined (made null here)" in page.text
    assert len(page.all("data")) == 8
    assert "The experts' own errors are undefined: made null here." in page.text
    assert "expert_accuracy" not in stems(run.path, "svg")


def test_unrouted_samples_are_counted(make_run, open_page):
    # 18 of 360 samples are 5 %
    page = open_page(write_run_report(make_run("lost-rows", unrouted=18, validation=False)))
    assert "5.0\N{NO-BREAK SPACE}% of the test samples reach no expert" in page.text


@pytest.mark.parametrize("batch_dependent", [True, False])
def test_dependence_on_batch_mates_is_told(make_run, open_page, batch_dependent):
    run = make_run(f"batch-{batch_dependent}")
    write_npz(run.path / "evaluation.npz", {**run.arrays("evaluation"), "batch_dependent": np.bool_(batch_dependent)})
    assert ("depend on their batch-mates" in open_page(write_run_report(run)).text) == batch_dependent


def test_nothing_routed_at_all(make_run, open_page):
    page = open_page(write_run_report(make_run("empty", unrouted=360)))
    assert "No test sample reached an expert" in page.text


def test_samples_that_are_no_images(make_run, open_page):
    run = make_run("columns", images=False)
    assert "The samples are no images" in open_page(write_run_report(run)).text
    assert "typical_images" not in stems(run.path, "svg")


def test_many_experts_and_classes(make_run, open_page):
    run = make_run("large", experts=64, classes=100, epochs=2)
    page = open_page(write_run_report(run))
    assert len(page.all("img")) == len(FIGURES)
    table = (run.path / "figures" / "class_expert.csv").read_text().splitlines()
    # a header and a row a class; class, its name, and a column an expert
    assert len(table) == 101
    assert table[0].count(",") == 65


def test_a_diverged_run_shows_what_there_is(make_run, open_page):
    run = make_run("diverged", status="diverged", error="the loss became NaN in epoch 10", epochs=20)
    page = open_page(write_run_report(run))
    assert "This run diverged" in page.text
    assert "Epochs finished: 9 of 20." in page.text
    assert "the loss became NaN in epoch 10" in page.text
    assert page.all("data") == []
    assert stems(run.path, "svg") == ["accuracy", "entropies", "loss", "usage"]
    assert "Headline" not in (run.path / "report.md").read_text()


def test_a_run_that_stopped_before_its_first_epoch(make_run, open_page):
    run = make_run("early", status="interrupted", epochs=1)
    for name in ("history.csv", "timing.csv", "config.yaml", "environment.json"):
        (run.path / name).unlink()
    page = open_page(write_run_report(run))
    assert "interrupted" in page.text
    assert "no curves" in page.text
    assert page.all("img") == []


def test_a_finished_run_without_its_routing_is_refused(make_run):
    run = make_run("broken")
    (run.path / "routing.npz").unlink()
    with pytest.raises(RunError, match=r"routing\.npz is missing"):
        write_run_report(run)


def test_infinite_losses_leave_a_gap(make_run, open_page):
    run = make_run("spike", status="diverged")
    run.history_rows[-1]["train_loss_nats"] = math.inf
    page = open_page(write_run_report(run))
    assert len(page.all("img")) == 4


def test_torch_is_not_imported():
    code = "import sys, moe_lab.reports; sys.exit('torch' in sys.modules or 'matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_class_name_is_lost_from_the_table(run):
    lines = (run.path / "figures" / "class_expert.csv").read_text().splitlines()[1:]
    counts = np.array([[int(cell) for cell in line.split(",")[2:]] for line in lines])
    assert counts.sum() == 360


def test_classes_that_the_test_split_lacks_are_said(make_run, open_page):
    # 360 samples leave some of 200 classes out
    run = make_run("few", classes=200)
    with np.load(run.path / "routing.npz") as routing:
        tested = len(np.unique(routing["label"]))
    page = open_page(write_run_report(run))
    assert f"The test split has no sample of {200 - tested} of the 200 classes: " in page.text
    assert f" and {190 - tested} more. Nothing is measured of these" in page.text
    assert f"those of the other {tested}." in page.text
