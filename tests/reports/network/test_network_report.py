"""The page of a network: its first sentences, its figures, and pages of runs without results."""

import csv
import re

import pytest

from moe_lab.metrics.network_arrays import ABSENT
from moe_lab.reports import write_network_report
from moe_lab.reports.network.report import answer
from moe_lab.reports.network.sections import ALONE, history_sections
from moe_lab.routing.trace_files import read_trace
from tests.reports.network.conftest import SMALL

TWO_MB = 2_000_000
CHAPTERS = [
    "Patches by expert",
    "Balance",
    "The routing of each layer over the epochs",
    "Training",
    "What is lost without an expert",
    "Table for a paper",
    "Layer by layer",
    "What was run",
    "What a prediction costs",
    "What was recorded",
    "All metrics",
    "Time and place",
]


def titles(path):
    return re.findall("<h2>(.*?)</h2>", path.read_text().replace("&#39;", "'"))


def rows_of(run, stem):
    with (run.path / "figures" / f"{stem}.csv").open() as file:
        return list(csv.DictReader(file))


def test_the_page_answers_first_and_shows_every_layer(images, open_page):
    path = write_network_report(images)
    page = open_page(path)
    text = " ".join(page.text.split())
    bits = images.metrics["mutual_information_expert_label_bits"]["value"]
    assert text.index("In the last mixture layer, block1") < text.index("What follows the label")
    told = re.search(r"tells I\(E;class\) = ([\d.]+) bits about the class", text)
    assert float(told[1]) == pytest.approx(bits, abs=0.005)
    found = titles(path)
    labelled = [title for title in found if title.startswith("What follows the label")]
    assert labelled and found == ["Headline numbers, test split", "What experts follow", *labelled, *CHAPTERS]
    assert path.stat().st_size < TWO_MB and not page.all("script") and not page.open
    assert all(picture["alt"] for picture in page.all("img"))
    links = [str(link["href"]) for link in page.all("a")]
    assert all(link.startswith("#") or (images.path / link).is_file() for link in links)
    for layer in ("block0", "block1"):
        for title in ("Patches by expert", "Usage of each expert", "Entropies of the gate", "Loss without each expert"):
            assert f"{title}: {layer}" in text
    markdown = (images.path / "report.md").read_text()
    assert [line[3:].replace("\\", "") for line in markdown.splitlines() if line.startswith("## ")] == found
    assert r"vision\_transformer" in markdown and "switch" in markdown


def test_the_same_input_gives_the_same_bytes(images):
    pages = [write_network_report(images).read_bytes() for _ in range(2)]
    assert pages[0] == pages[1]


def test_costs_are_those_of_metrics_json(images):
    text = write_network_report(images).read_text()
    for name in ("parameters_total", "parameters_active", "multiply_adds_total", "multiply_adds_active"):
        assert f"<dd>{images.metrics[name]['value']:,}</dd>" in text


def test_patches_have_the_experts_of_the_trace(images):
    write_network_report(images)
    trace = read_trace(images)
    # the trace has the rows of a document side by side: four patches of 4 x 4
    expert_DS = trace.layer("block1").experts_TK[:, 0].reshape(-1, 4)
    rows = rows_of(images, "patches_1")
    label_D = images.arrays("test")["label"]
    assert len(rows) == 4 * len(images.arrays("examples")["document"])
    for row in rows:
        document = int(row["document"])
        assert int(row["expert"]) == expert_DS[document, int(row["patch"])]
        assert int(row["class"]) == label_D[document]


def test_what_is_lost_is_that_of_ablation_npz(images):
    write_network_report(images)
    arrays, label_D = images.arrays("ablation"), images.arrays("test")["label"]
    rows = rows_of(images, "ablation_0")
    of_threes = label_D[arrays["document"]] == 3
    expected = (arrays["removed_loss"][0, 2][of_threes] - arrays["loss"][of_threes]).mean()
    assert float(rows[2]["3"]) == pytest.approx(expected, rel=1e-4)
    kept = rows_of(images, "retention")
    assert [float(row["block1: error_rate"]) for row in kept] == arrays["kept_error_rate"][1].tolist()


def test_a_network_without_patches_has_a_page_without_them(trained, open_page):
    run = trained("mlp", ["network=mlp", "trainer.epochs=1", *SMALL])
    path = write_network_report(run)
    assert "Patches by expert" not in titles(path) and "What is lost without an expert" in titles(path)
    assert "Token ids are not known" not in open_page(path).text


def test_a_language_model_is_answered_by_domain(trained, open_page):
    words = ["network=language_model", "dataset=markov_languages", "gate=switch", "experts.hidden=8"]
    small = ["network.width=8", "network.heads=2", "network.depth=1", "trainer.epochs=1", "trainer.limit_batches=2"]
    run = trained("language", [*words, *small])
    path = write_network_report(run)
    text = " ".join(open_page(path).text.split())
    loss = re.search(r"Test loss ([\d.]+) nats per token", text)
    assert float(loss[1]) == pytest.approx(run.metrics["test_loss_nats"]["value"], abs=0.005)
    assert "tells I(E;domain) = " in text and "What the choice of expert tells about the next token" in text
    assert "Tokens" in titles(path) and "Patches by expert" not in titles(path)
    assert {"expert", *read_trace(run).label("domain").names} == set(rows_of(run, "ablation_0")[0])


def test_a_dense_twin_has_nothing_to_remove(trained, open_page):
    run = trained("twin", ["network=mlp", "trainer.epochs=1", "baseline=dense_active", *SMALL[:-1]])
    path = write_network_report(run)
    assert ALONE in open_page(path).text and "The routing of each layer over the epochs" not in titles(path)


def test_rows_that_depend_on_their_batch_mates(copied, open_page):
    run = copied("ablation.npz")
    assert f"Not measured: {ABSENT['ablation']}." in " ".join(open_page(write_network_report(run)).text.split())


@pytest.mark.parametrize(
    ("status", "said"), [("diverged", "This run diverged"), ("interrupted", "was interrupted before its end")]
)
def test_a_run_without_results_has_a_page_with_its_curves(copied, open_page, status, said):
    run = copied("trace.json", "metrics.json", "test.npz", "counts.npz", "ablation.npz", status=status, error="NaN")
    path = write_network_report(run)
    text = " ".join(open_page(path).text.split())
    assert said in text and "Epochs finished: 2 of 2. It reported: NaN." in text
    assert titles(path)[:3] == ["What was run", "The routing of each layer over the epochs", "Training"]
    assert "Usage of each expert: block1" in text


def test_without_an_epoch_there_are_no_curves():
    assert [one.notes for one in history_sections([])] == [("No epoch was finished, so there are no curves.",)]


def test_the_answer_without_information():
    metrics = {
        "test_error_rate": {"value": 0.25, "unit": "fraction"},
        "mutual_information_expert_label_bits": {"value": 0.0, "unit": "bits"},
        "information_per_usage": {"value": None, "unit": "fraction", "reason": "H(E) is 0"},
        "load_entropy_bits": {"value": 0.0, "unit": "bits"},
    }
    said = answer(metrics, "block1", "class").replace("\N{NO-BREAK SPACE}", " ")
    assert said == (
        "Test error 25.0 %. In the last mixture layer, block1, the choice of expert tells I(E;class) = 0 bits about "
        "the class; its entropy H(load) is 0 bits."
    )
    metrics["mutual_information_expert_label_bits"] = {"value": None, "unit": "bits", "reason": "there is one expert"}
    assert answer(metrics, "block1", "class").endswith("tells nothing that can be measured: there is one expert.")
