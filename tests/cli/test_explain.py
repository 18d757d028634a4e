"""`moe-lab explain`: the declarations of a name, its options, what it can be combined with, and the file that tests
it.
"""

import inspect
import json
from pathlib import Path

import pytest

from moe_lab.cli import topics as module
from moe_lab.cli.topics import names, topics
from moe_lab.config.compose import groups, options
from moe_lab.config.details import details
from moe_lab.config.sentences import sentences
from moe_lab.experiment.pairs import reason
from moe_lab.metrics import METRICS
from moe_lab.metrics.traces import MEASURES
from moe_lab.parts.gates.select.capacity import Capacity
from moe_lab.sweeps.studies.claims import claim_names
from tests.conformance.cases import FOLDERS, file_of

ROOT = Path(__file__).parents[2]


def one(cli, *words):
    [row] = json.loads(cli("explain", *words, "-f", "json").out)
    return row


def test_a_gate_in_a_terminal(cli):
    shown = " ".join(cli("explain", "switch").out.split())
    assert shown.startswith("gate=switch One expert a sample, weighted by p of the softmax over all;")
    assert "paper: Switch Transformers: Scaling to Trillion Parameter Models" in shown and "arXiv:2101.03961" in shown
    assert "brings: gate/score=network gate/select=top_k gate/weigh=softmax" in shown
    assert "gate.k 1 experts per sample if the config's k is null" in shown
    assert "objective=expert_loss, loudest, matching_pursuit, peeking, stochastic does not fit this gate" in shown
    assert shown.endswith("tested in tests/conformance/gate/test_switch.py")


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["krishnamurthy2023", "information_per_usage", "csv", "effective_rank"])
def test_no_line_is_wider_than_the_terminal(cli, monkeypatch, width, name):
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cli("explain", name).out.splitlines()
    assert all(len(line) <= width for line in lines if "tests/" not in line)


def test_sentences_are_those_of_the_class_closest_by():
    relu, softmax = (details("gate", name).sentences["gate.k"] for name in ("relu", "softmax"))
    assert relu == "every expert whose score is positive; a number: only among the k largest scores"
    assert softmax == "every expert"
    # of Capacity, from which BatchPrioritized derives
    factor = details("gate", "batch_prioritized").sentences["gate.select.capacity_factor"]
    assert factor == sentences(inspect.getdoc(Capacity))["capacity_factor"]


@pytest.mark.parametrize(("group", "name"), [(group, name) for group in FOLDERS for name in options(group)])
def test_the_file_that_tests_a_part_is_that_of_its_conformance_tests(group, name):
    [found] = topics(f"{group}={name}")
    assert found["tests"] == [file_of(group, name).relative_to(ROOT).as_posix()]


def test_files_that_test_what_has_none_of_its_own():
    assert topics("toy_clusters")[0]["tests"][0] == "tests/data/test_toy_sets.py"
    assert topics("cifar10")[0]["tests"] == ["tests/data/test_cifar.py"]
    for file in topics("test_error_rate")[0]["tests"]:
        assert "test_error_rate" in (ROOT / file).read_text()


def test_an_installed_package_has_no_tests_to_name(cli, monkeypatch, tmp_path):
    monkeypatch.setattr(module, "TESTS", tmp_path)
    module._test_files.cache_clear()
    try:
        assert topics("erc")[0]["tests"] is None
        assert "tested in" not in cli("explain", "digits").out
    finally:
        module._test_files.cache_clear()


def test_what_goes_with_an_objective_is_what_composition_lets_through(cli):
    row = one(cli, "objective=em")
    assert {*row["fits"], *row["refused"]} == {f"gate={gate}" for gate in options("gate")}
    for gate in ("softmax", "switch", "stochastic", "uniform"):
        assert (f"gate={gate}" in row["fits"]) == (reason(gate, "em") is None), gate
    assert row["refused"]["gate=switch"].startswith("needs a distribution over at least two experts")


def test_what_experts_and_regularizers_go_with(cli):
    assert one(cli, "ffn")["fits"] == ["mixture layers of a network"]
    assert one(cli, "experts=mlp")["refused"] == {
        "targets that are numbers": "are for classes",
        "mixture layers of a network": "predict, and a layer adds up values",
    }
    row = one(cli, "l0")
    assert row["fits"] == ["gate=hard_concrete"]


def test_one_name_in_several_groups(cli):
    rows = json.loads(cli("explain", "softmax", "-f", "json").out)
    assert [row["group"] for row in rows] == ["gate", "gate/weigh"]
    assert one(cli, "gate/weigh=softmax")["name"] == "softmax"
    assert cli("explain", "softmax", "-f", "md").out.startswith("| group | name | summary |")


def test_a_metric_and_a_measure(cli):
    row = one(cli, "block0.load_entropy_bits")
    assert (row["group"], row["name"]) == ("metric", "load_entropy_bits")
    assert row["facts"]["unit"] == "bits" and row["facts"]["bounds"] == "0 to log2 E"
    measure = one(cli, "slot_information_per_usage")
    assert measure["group"] == "measure" and measure["summary"].startswith("I(E;label) / H(E) of slots")


def test_the_words_of_a_study_are_listed_with_those_that_choose_among_protocols(cli):
    """Only where there are several: of `routers` nothing was published, so a fair comparison is the only one."""
    said = " ".join(cli("explain", "study=krishnamurthy2023").out.split())
    assert "table=main, extended, extended_5; protocol=paper, fair; grid=published, full seeds:" in said
    assert "active=two, one, any seeds:" in " ".join(cli("explain", "study=routers").out.split())


def test_what_was_published_in_a_study(cli):
    row = one(cli, "krishnamurthy2023")
    assert row["facts"]["set against"] == "original" and row["arms"]["attentive"] == "gate=attentive"
    assert {
        "arm": "original", "metric": "test_error_rate", "value": 0.044, "sd": 0.009, "n": 10, "how": "mean",
        "where": {"dataset": "mnist", "table": "main"},
    } in row["published"]  # fmt: skip
    words = " ".join(cli("explain", "krishnamurthy2023").out.split())
    assert "original dataset=mnist table=main test_error_rate 0.044 sd 0.009 (mean of 10 runs);" in words


def test_every_name_can_be_explained():
    every_option = (name for group in groups() for name in options(group))
    assert set(names()) == {*METRICS, *MEASURES, *claim_names("claims"), *every_option}


def test_a_number_of_a_layer_is_explained_by_its_metric(cli):
    row = one(cli, "block0.saturation_by_step: 0.01")
    assert row["name"] == "saturation_by_step" and row["facts"]["computed of"] == "runs of networks"


def test_a_claim(cli):
    row = one(cli, "claim=shared_experts")
    assert row["source"] == "Dai et al. 2024, arXiv:2401.06066" and "1.808 to 2.414" in row["facts"]["reported"]
    assert "shared: rise without shared experts higher than 0.1 (margin 0.02)" in row["facts"]["predicted"]
    assert "network.shared_experts=1" in row["arms"]["shared"]
    assert "no claim named 'shared_expert'. Did you mean shared_experts?" in cli("explain", "claim=shared_expert").err


def test_a_part_of_one_s_own(cli, tmp_path):
    folder = tmp_path / "own/gate"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("# My gate.\n_target_: mine.Mine\n# how wide\nwidth: 3\n")
    (tmp_path / "mine.py").write_text('class Mine:\n    """Mine."""\n')
    row = one(cli, "mine", "--config-dir", tmp_path / "own", "--plugin", tmp_path / "mine.py")
    assert row["sentences"] == {"gate.width": "how wide"} and row["fits"] is row["tests"] is None


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("swich", "nothing is named 'swich'. Did you mean switch?"),
        ("gate=swich", "no gate named 'swich'. Did you mean switch?"),
        ("gaet=switch", "no group named 'gaet'. Did you mean gate?"),
        ("gate", "gate is a group of options: `moe-lab list gate` lists them"),
        ("metric=purty", "no metric named 'purty'. Did you mean purity?"),
        ("measure=repeat", "no measure named 'repeat'."),
    ],
)
def test_what_is_not_there(cli, name, says):
    result = cli("explain", name)
    assert result.code == 2 and says in result.err and result.err.count("\n") == 1 and result.out == ""
