"""The methods of a paper, from whole run folders."""

import json
import re
from dataclasses import replace

import pytest
import yaml

from moe_lab.metrics import METRICS
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.kit.headline import LABELS
from moe_lab.reports.paper.chosen import choose
from moe_lab.reports.paper.markup import latex_methods, markdown_methods
from moe_lab.reports.paper.methods import methods, named_once
from moe_lab.reports.paper.sources import sources_used
from moe_lab.reports.paper.table import arm_table
from moe_lab.store.run import Run

GATES = ("attentive", "softmax")
DENSE = {"baseline": "dense_total"}


def chose(run, **options):
    """The run, with these options among its choices."""
    status = json.loads((run.path / "status.json").read_text())
    status["choices"] |= {"gate": "softmax"} | options
    (run.path / "status.json").write_text(json.dumps(status))
    return Run(run.path)


@pytest.fixture(scope="module")
def runs(make_run):
    """Two gates on the same three seeds."""
    return [
        make_run(f"{gate}-{seed}", gate=gate, seed=seed, epochs=4, differs={"gate": gate, "seed": seed})
        for gate in GATES
        for seed in (1, 2, 3)
    ]


@pytest.fixture
def said(runs):
    return markdown_methods(methods(choose(Measured(collect(runs))))).splitlines()


def test_every_number_of_the_config_is_there(said):
    text = "\n".join(said)
    assert "We trained 2 arms, which differ in gate (attentive [@krishnamurthy2023], softmax [@jacobs1991])." in text
    assert "All have the data set digits [@alpaydin1998], experts of the kind mlp [@jacobs1991], " in text
    assert "E = 5 experts and k = 5 selected experts." in text
    assert (
        "Training took 4 epochs in batches of 128 with adam [@kingma2015] at learning rate 0.001, weight decay 0; 10"
        in text
    )
    assert "Each arm has 3 finished runs (seeds 1, 2, 3); " in text and "6 of 6 runs finished" in text
    assert "The test split of 360 samples was evaluated once" in text
    assert "Test error: Share of test samples whose class the mixture predicts wrongly." in text
    # 1 pair in 2 metrics: log2(40 * 2) = 6.3
    assert "over a family of 2 comparisons (every two arms, 2 metrics) at 5" in text and "at least 7 seeds" in text
    assert "Student t of the logit [@student1908; @oehlert1992]), for training again" in text
    assert "moe-lab 0.1.0 and torch 2.13.0 [@moelab], on a plain CPU." in text


def test_latex_says_the_same(runs, said):
    text = latex_methods(methods(choose(Measured(collect(runs)))))
    assert re.findall(r"\\cite\{([^}]*)\}", text) == [
        keys.replace("@", "").replace("; ", ",") for keys in re.findall(r"\[(@[^]]*)\]", "\n".join(said))
    ]
    assert len(text.splitlines()) == len(said) + 1


def test_what_arms_do_not_share_is_left_out(make_run):
    """The epochs differ and are stated once, as the difference between the arms."""
    few = make_run("few", epochs=3, differs={"trainer.epochs": 3, "seed": 1})
    many = make_run("many", epochs=4, differs={"seed": 1})
    text = markdown_methods(methods(choose(Measured(collect([few, many])))))
    assert "which differ in trainer.epochs (3, 4)." in text and "Training in batches of 128" in text
    # one run an arm: nothing is compared, and there is no interval
    assert "sign-flip" not in text and "Intervals" not in text


def test_a_baseline_has_its_own_sentence_and_no_gate(make_run):
    made = [(f"{gate}-{seed}", gate, seed) for gate in GATES for seed in (1, 2)]
    runs = [
        chose(make_run(name, differs={"gate": gate, "seed": seed}), gate=gate, baseline="none")
        for name, gate, seed in made
    ]
    runs += [chose(make_run(f"dense-{seed}", experts=1, differs=DENSE | {"seed": seed}), **DENSE) for seed in (1, 2)]
    chosen = choose(Measured(collect(runs)))
    text = markdown_methods(methods(chosen))
    gates = "gate (attentive [@krishnamurthy2023], softmax [@jacobs1991])"
    assert f"which differ in {gates} and baseline (none, dense\\_total)." in text
    assert "All have the data set digits [@alpaydin1998] and the objective mixture [@jacobs1991].\n" in text
    assert "The mixtures have experts of the kind mlp [@jacobs1991], E = 5 experts and k = 5 selected experts." in text
    assert "The baseline dense\\_total: one dense network with as many parameters as the mixture has in all.\n" in text
    assert [line.names[0] for group in arm_table(chosen).groups for line in group] == ["attentive", "softmax", "–"]
    alone = markdown_methods(methods(choose(Measured(collect(runs)), rows="dense_total")))
    assert "The mixture that the baseline replaces has experts of the kind mlp [@jacobs1991], the gate softmax" in alone


def test_a_regularizer_s_weight_is_given_though_it_is_the_default(make_run):
    runs = [
        chose(make_run("with", differs={"regularizer": ["importance"]}), regularizer=["importance"]),
        make_run("without", differs={}),
    ]
    assert "differ in regularizer (importance (weight 0.2) [@shazeer2017], none)" in markdown_methods(
        methods(choose(Measured(collect(runs))))
    )
    assert "the regularizer importance (weight 0.2) [@shazeer2017]" in markdown_methods(
        methods(choose(Measured(collect(runs[:1]))))
    )


def test_the_planned_runs_are_those_of_the_arms(runs):
    """Of a sweep of six runs, one arm of three; what was refused belongs to no arm."""
    collection = replace(collect(runs), refused=(("gate=hash", "needs labels"),))
    text = markdown_methods(methods(choose(Measured(collection), rows="gate=softmax")))
    assert "Of the planned runs of these arms, 3 of 3 runs finished. " in text


def test_data_of_one_s_own_are_named_by_their_file(make_run):
    run = make_run("table")
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    config["dataset"]["path"] = "/somewhere/flowers.csv"
    (run.path / "config.yaml").write_text(yaml.safe_dump(config))
    text = markdown_methods(methods(choose(Measured(collect([Run(run.path)])))))
    assert "the data set digits (flowers.csv) [" in text and "somewhere" not in text


def test_one_arm(make_run):
    text = markdown_methods(methods(choose(Measured(collect([make_run("one")])))))
    assert text.startswith("We trained one arm, gate=attentive.\nIt has the data set digits")


def test_a_part_of_one_s_own_has_no_source(make_run):
    run = make_run("own", differs={"gate": "mine"})
    (run.path / "environment.json").unlink()
    chosen = choose(Measured(collect([run])))
    assert ("gate=mine", "") in sources_used(chosen)
    # nothing is known of the machine, and nothing is said of it
    assert "computed" not in markdown_methods(methods(chosen))


def test_the_sources(runs):
    used = dict(sources_used(choose(Measured(collect(runs)))))
    assert used["gate=softmax"].startswith("Jacobs, Jordan, Nowlan and Hinton 1991")
    assert used["trainer.optimizer=adam"].endswith("arXiv:1412.6980") and used["load_entropy_bits"] == "Shannon 1948"
    assert used["the paired test"] == "Fisher 1935" and list(used)[0] == "moe-lab"


def test_the_config_is_what_the_words_say(runs):
    """Else the tests above would compare with nothing."""
    config = yaml.safe_load((runs[0].path / "config.yaml").read_text())
    assert (
        config["trainer"]["epochs"] == 4 and config["trainer"]["batch_size"] == 128 and config["experts"]["count"] == 5
    )


@pytest.mark.parametrize(
    ("label", "definition", "said"),
    [
        ("Test error", "Share of samples", "Test error: Share of samples"),
        ("Load entropy H(load)", "Load entropy H(load): entropy of", "Load entropy H(load): entropy of"),
        ("Sample entropy H(E|X)", "H(E|X): mean entropy", "Sample entropy H(E|X): mean entropy"),
        ("Information I(E;Y)", "I(E;Y) between", "Information I(E;Y) between"),
    ],
)
def test_a_name_is_said_once(label, definition, said):
    assert named_once(label, definition) == said


@pytest.mark.parametrize("name", [*LABELS["classification"], *LABELS["regression"]])
def test_no_metric_is_named_twice(name):
    label = {**LABELS["classification"], **LABELS["regression"]}[name]
    said = named_once(label, " ".join(METRICS[name].definition.split()))
    assert said.startswith(label) and not said.removeprefix(label).lstrip(": ").startswith(label.rpartition(" ")[2])
