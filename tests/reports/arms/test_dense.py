"""Mixtures beside a dense network of as many parameters."""

import shlex

import pytest

from moe_lab.parts.baselines import dense as baseline
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.dense import WIDTHS, beside_dense
from moe_lab.reports.arms.findings import findings
from moe_lab.reports.arms.measured import Measured
from moe_lab.statistics import Factorial
from moe_lab.store.run import Run

S = "\N{NO-BREAK SPACE}"
WIDE = "experts:\n  hidden: 16\nobjective:\n  _target_: moe_lab.parts.objectives.mixture.Mixture\n"


@pytest.fixture
def arm(light):
    """``arm(name, differs, errors)``: a run a seed, whose experts have a width."""

    def make(name, differs, errors, config=WIDE):
        return [
            light(
                f"{name}-{seed}", differs | {"seed": seed} if seed else differs, {"test_error_rate": e}, config=config
            )
            for seed, e in enumerate(errors)
        ]

    return make


def said(*runs):
    return beside_dense(Measured(collect([run for some in runs for run in some])))


def command(*runs):
    [sentence] = said(*runs)
    assert sentence.startswith("No dense network of as many parameters is among these runs")
    return shlex.split(sentence[sentence.index("moe-lab sweep") :])


def test_the_best_mixture_of_its_size_stands_beside_it(arm):
    dense = {"baseline": "dense_total", "experts.count": 8}
    [sentence] = said(
        arm("small", {}, [0.01, 0.01]),
        arm("large", {"experts.count": 8}, [0.05, 0.05]),
        arm("balanced", {"experts.count": 8, "regularizer": ["importance"]}, [0.04, 0.04]),
        arm("dense", dense, [0.03, 0.03]),
    )
    # not the small one, which has another size
    assert f"dense_total E=8, has test error 3.0{S}%" in sentence
    assert "the best mixture of its size, importance E=8," in sentence and f"has 4.0{S}% (" in sentence


def test_a_dense_network_of_another_size_is_beside_no_mixture(arm):
    assert said(arm("m", {"experts.count": 8}, [0.05]), arm("d", {"baseline": "dense_total"}, [0.03])) == []


def test_without_one_the_command_that_adds_it_is_said(arm, tmp_path):
    runs = arm("m", {"experts.count": 8, "trainer.epochs": 3}, [0.05, 0.04, 0.05])
    runs += arm("b", {"experts.count": 8, "trainer.epochs": 3, "regularizer": ["importance"]}, [0.05, 0.04, 0.05])
    assert command(runs) == [
        *("moe-lab", "sweep", "experts.count=8", "trainer.epochs=3", "baseline=dense_total", "seed=range(0,3)"),
        *("--name", tmp_path.name, "--runs", str(tmp_path.parent)),
    ]
    assert any(sentence == said(runs)[0] for sentence in findings(Measured(collect(runs))))


def test_what_one_expert_cannot_have_is_no_word_of_it(arm):
    told = {"controller": ["temperature"], "regularizers.importance.weight": 0.3, "regularizer": ["importance"]}
    told |= {"recipe": "em", "objective": "em", "inference": "argmax"}
    words = command(arm("m", told | {"parallel": "experts", "parallel.processes": 2}, [0.05]))
    assert words[2:4] == ["baseline=dense_total", "seed=0"]


def test_an_objective_that_the_gate_brings_is_replaced(arm):
    config = WIDE.replace("mixture.Mixture", "stochastic.Stochastic")
    assert "objective=mixture" in command(arm("m", {"gate": "stochastic"}, [0.05], config))


def test_numbers_keep_their_objective(light):
    told = {"dataset": "toy_inverse", "objective": "mixture_density", "experts": "gaussian"}
    assert "objective=mixture_density" in command([light("m", told, {"test_loss_nats": 0.5}, config=WIDE)])


@pytest.mark.parametrize(
    ("differs", "config"),
    [
        ({"experts": "linear"}, "experts:\n  count: 5\n"),
        ({"baseline": "single"}, WIDE),
        ({"gate.score._target_": "mine.Score"}, WIDE),
        ({"seed_init": 3}, WIDE),
    ],
    ids=str,
)
def test_nothing_is_said_where_there_is_no_such_command(arm, differs, config):
    assert said(arm("m", differs, [0.05], config)) == []


def test_runs_of_no_one_sweep_are_to_be_reported_with_it(arm, tmp_path):
    runs = arm("m", {}, [0.05])
    (tmp_path / "elsewhere").mkdir()
    runs[0].path.rename(tmp_path / "elsewhere" / "m")
    [sentence] = said([Run(tmp_path / "elsewhere" / "m")])
    assert "report its folder together with these runs: moe-lab sweep baseline=dense_total seed=0" in sentence
    assert sentence.endswith("seed=0")


def test_a_baseline_beside_a_design_leaves_it_whole(arm):
    errors = [0.05, 0.04, 0.045]
    told = [{"gate": gate} | extra for gate in ("a", "b") for extra in ({}, {"k": 2})]
    runs = [run for place, one in enumerate(told) for run in arm(f"m{place}", one, [e + place / 100 for e in errors])]
    runs += arm("dense", {"baseline": "dense_total"}, errors)
    found = Measured(collect(runs)).factorials["test_error_rate"]
    assert isinstance(found, Factorial) and found.factors == ("gate", "k")


def test_widths_are_those_that_the_baseline_scales():
    assert baseline.WIDTHS == WIDTHS


def beside_runs(light, runs, errors):
    """A dense network in the folder of each run, as ``train`` leaves it."""
    for run, error in zip(runs, errors, strict=True):
        twin = light(f"{run.path.name}-dense", {"baseline": "dense_total"}, {"test_error_rate": error}, config=WIDE)
        (run.path / "twins").mkdir()
        twin.path.rename(run.path / "twins" / "dense_total")


def test_dense_networks_beside_the_runs_of_the_best_mixture_are_told(arm, light):
    """Of softmax over two seeds, .03 and .05, against .02 and .03 beside it."""
    softmax, attentive = arm("m", {}, [0.03, 0.05]), arm("a", {"gate": "attentive"}, [0.06, 0.07])
    beside_runs(light, softmax, [0.02, 0.03])
    beside_runs(light, attentive, [0.02, 0.03])
    assert said(softmax, attentive) == [
        f"A dense network of as many parameters, trained beside softmax, has test error 2.5{S}%; the mixture has "
        f"4.0{S}%, mean over 2 seeds."
    ]


def test_one_run_without_a_dense_network_beside_it_asks_for_one(arm, light):
    softmax = arm("m", {}, [0.03, 0.05])
    beside_runs(light, softmax[:1], [0.02])
    assert command(softmax)[:2] == ["moe-lab", "sweep"]
