"""A gate like no other, in one Python file and one YAML: listed, trained, refused where it does not fit."""

import json
from pathlib import Path

import numpy as np
import pytest

from moe_lab.config.compose import compose, options
from moe_lab.experiment.building import build_learner
from tests.docs.added_gates import ODD, ODD_YAML

OWN = ["--config-dir", "mine", "--plugin", "odd.py"]
SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]


@pytest.fixture
def odd(cli):
    """Runs a command that knows the gate, in a folder where its two files are."""
    Path("mine/gate").mkdir(parents=True)
    Path("odd.py").write_text(ODD)
    Path("mine/gate/above_mean.yaml").write_text(ODD_YAML.replace("moe_lab.parts.gates.above_mean", "odd"))
    return lambda command, *words: cli(command, *words, *OWN)


def test_no_other_gate_has_its_traits():
    for name in options("gate"):
        traits = build_learner(compose([f"gate={name}"]), (1, 8, 8), 4, 0).mixture.gate.traits
        assert traits.batch_dependent != {"evaluation"}, name
        assert traits.rows_sum_to_one or traits.gives_logits, name
        assert "margin_BE" not in traits.extras, name


def test_it_is_listed_with_its_options(odd):
    [row] = [row for row in json.loads(odd("list", "gate", "-f", "json").out) if row["name"] == "above_mean"]
    assert row["summary"].startswith("s_e = sigmoid(x W + b) where it is above a threshold")
    assert row["source"] == "moe-lab."
    assert "threshold: 0.3" in odd("config", "gate=above_mean", "gate.threshold=0.3").out
    refused = odd("config", "gate=above_mean", "gate.threshold=2")
    assert refused.code == 2 and "gate.threshold" in refused.err


@pytest.mark.parametrize("dispatch", ["dense", "sparse"])
def test_it_is_trained_and_measured(odd, dispatch):
    words = ["gate=above_mean", *SHORT, f"trainer.dispatch={dispatch}", "--name", "odd"]
    result = odd("train", *words)
    assert result.code == 0, result.err
    run = Path("runs/odd")
    routing = np.load(run / "routing.npz")
    assert routing["weights"].shape[1] == 5 and not np.allclose(routing["weights"].sum(1), 1)
    np.testing.assert_allclose(routing["probs"].sum(1), 1, rtol=1e-5)
    assert "gate_logits" not in routing
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["removal_own_nats"]["value"] is None and "batch-mates" in metrics["removal_own_nats"]["reason"]
    assert 0 < metrics["test_error_rate"]["value"] < 1
    assert (run / "report.html").is_file()


@pytest.mark.parametrize(
    ("words", "lacks"),
    [
        (["objective=em"], "weights that do not sum to one"),
        (["objective=expected_loss"], "weights that do not sum to one"),
        (["objective=stochastic"], "learns from the mixture's prediction"),
        (["objective=matching_pursuit"], "learns from the mixture's prediction"),
        (["dataset=diabetes", "experts=gaussian", "objective=mixture_density"], "weights that sum to one"),
        (["gate.combine=probabilities"], "weights that do not sum to one"),
        (["regularizer=[load]"], "load_probs_BE"),
        (["regularizer=[selector_entropy]"], "selector_entropy"),
        (["regularizer=[z_loss]"], "logits"),
        (["controller=[temperature]"], "temperature"),
        (["controller=[loss_free_bias]"], "bias"),
        (["k=2"], "k=5"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_does_not_fit_is_refused(odd, words, lacks):
    result = odd("train", "gate=above_mean", *words)
    assert result.code == 2 and lacks in result.err and result.err.count("\n") == 1
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "word", ["objective=cooperative", "regularizer=[l1]", "regularizer=[importance]", "regularizer=[sample_similarity]"]
)
def test_what_fits_is_trained(odd, word):
    result = odd("train", "gate=above_mean", word, *SHORT, "--no-report", "--name", "odd")
    assert result.code == 0, result.err
