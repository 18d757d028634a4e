"""What docs/networks.md says of a network's folder and page holds, and what it says is refused is refused."""

import re
from pathlib import Path

import pytest

from moe_lab.errors import ConfigError
from moe_lab.evaluation.ablation import MOST_KEPT, MOST_REMOVALS, MOST_SAMPLES, MOST_TOKENS
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.metrics.computing import TAKEN
from moe_lab.metrics.registry import METRICS
from moe_lab.reports import write_network_report
from moe_lab.reports.network.shown import LAYERS
from moe_lab.store.run import Run

PAGE = (Path(__file__).parents[2] / "docs" / "networks.md").read_text()
CHAPTERS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
NETWORK = ["network=vision_transformer", "network.width=8", "network.heads=2", "experts.hidden=8"]


def first_cells(chapter):
    rows = re.findall(r"^\| (.*?) \|", CHAPTERS[chapter], re.MULTILINE)
    return [re.findall(r"`(.*?)`", cell) for cell in rows if "`" in cell]


def test_the_metrics_of_computing_are_those_of_the_page(tmp_path):
    words = [*NETWORK, "experts.zero=1", "experts.copy=1", "experts.constant=2", "controller=[computing_budget]"]
    made = job.prepare([*words, "gate/select=biased_top_k", "trainer.epochs=1", "trainer.batch_size=512"])
    experiment.run(made, tmp_path, load_data(made.config))
    run = Run(tmp_path)
    names = [name for (name,) in first_cells("Computing")]
    assert names == list(TAKEN)
    assert {f"block0.{name}" for name in names} | set(names) <= run.metrics.keys()
    assert run.arrays("costs")["computing_experts"].tolist() == [8, 8]
    # of two layers, of their eight experts with a network
    assert sum("computing_budget_bias" in column for column in run.history_rows[0]) == 16
    write_network_report(run)
    assert (tmp_path / "report.md").read_text().count("### Computing: block") == 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    made = job.prepare([*NETWORK, "gate=switch", "trainer.epochs=1", "trainer.batch_size=512"])
    experiment.run(made, folder, load_data(made.config))
    return Run(folder)


def test_the_files_are_those_of_a_network(finished):
    named = {name for cells in first_cells("The folder") for name in cells}
    arrays = {path.name for path in finished.path.glob("*.npz")}
    assert arrays | {"trace.json", "history.csv", "metrics.json"} == named
    named = {name for cells in first_cells("Ablation") for name in cells} | {"document"}
    # there are no shared experts
    assert named - {"shared_disabled_loss"} == set(finished.arrays("ablation"))
    for name in (name for name, one in METRICS.items() if one.group == "ablation"):
        assert f"{name}`" in CHAPTERS["Ablation"] and name in finished.metrics


def test_the_bounds_are_those_of_the_code():
    text = CHAPTERS["Ablation"]
    assert f"up to {MOST_SAMPLES:,} test samples" in text and f"up to {MOST_TOKENS:,} tokens in all" in text
    assert f"more than {MOST_REMOVALS} experts" in text and f"Beyond {MOST_KEPT} experts" in text
    assert LAYERS == 4 and "Of more than four mixture layers four" in CHAPTERS["The report"]


def test_the_chapters_stand_in_this_order(finished):
    page = write_network_report(finished).read_text().replace("&#39;", "'")
    titles = re.findall("<h2>(.*?)</h2>", page)
    said = [title.removesuffix(" ...") for title in re.findall(r"\*\*(.*?)\*\*", CHAPTERS["The report"])]
    places = [next(place for place, title in enumerate(titles) if title.startswith(one)) for one in said]
    assert places == sorted(places) and len(places) == 12


@pytest.mark.parametrize("words", [cells[0] for cells in first_cells("What is refused, and why")])
def test_what_is_refused(words):
    given = words.split()
    gate = [] if any(word.startswith("gate=") for word in given) else ["gate=switch"]
    network = ["network=mlp"] if "dataset=diabetes" in given else NETWORK
    with pytest.raises(ConfigError):
        job.prepare([*network, *gate, *given])


def test_the_words_of_the_options_can_be_typed():
    words = ["network.where=[0]", "network.patch=2", "network.shared_experts=1", "experts.fine_grained=2"]
    made = job.prepare([*NETWORK, "gate=top_k", "network.depth=2", *words])
    assert made.config["network"]["where"] == [0]
    assert job.prepare([*NETWORK, "gate=switch", "layers.block1.gate=top_k"]).key != made.key
