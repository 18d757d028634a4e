"""Predicting numbers, from the command to the report."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_squared_error, r2_score

import moe_lab

NUMBERS = ["experts=gaussian", "objective=mixture_density"]
BRIEF = [*NUMBERS, "trainer.epochs=2", "trainer.limit_batches=3"]
INVERSE = ["dataset=toy_inverse", "dataset.samples=1500", *NUMBERS, "trainer.epochs=20", "trainer.lr=3e-3"]


@pytest.fixture
def metrics():
    return lambda name: json.loads((Path("runs") / name / "metrics.json").read_text())


def test_several_gaussians_describe_an_inverse_problem_that_one_cannot(cli, metrics):
    for name, words in (("mixture", []), ("single", ["baseline=single"])):
        result = cli("train", *INVERSE, *words, "--name", name, "--no-report")
        assert result.code == 0, result.err
        assert "RMSE" in result.out and "Test RMSE" in result.out and "accuracy" not in result.out
    mixture, single = metrics("mixture"), metrics("single")
    # seen: .23 and 1.05 nats. One Gaussian cannot fall far below 1; the three answers share the gain of the mixture
    assert mixture["test_loss_nats"]["value"] < single["test_loss_nats"]["value"] - 0.4
    # no mean lies near all the answers, but one of the experts' does, and the branches are told apart by the experts
    assert mixture["oracle_rmse_sd"]["value"] < 0.4 < mixture["test_rmse_sd"]["value"]
    assert mixture["mutual_information_responsible_label_bits"]["value"] > 0.8
    assert mixture["test_error_rate"]["reason"] == "the targets are numbers, not classes"
    assert single["mutual_information_expert_label_bits"]["reason"].startswith("there is only one expert")
    _check_files(Path("runs/mixture"))

    listed = cli("runs")
    assert "RMSE (sd)" in listed.out and "error" not in listed.out
    beside = cli("report", "runs/mixture", "runs/single", "--out", "both")
    assert beside.code == 0 and "Test RMSE (sd)" in beside.out and "error" not in beside.out
    figures = {path.stem for path in Path("both/figures").glob("*.svg")}
    first = {"best_metric_test_loss_nats", "best_metric_mutual_information_expert_label_bits"}
    rest = {"rmse", "loss", "loads", "usage_over_time", "class_maps", "information", "trade_off"}
    assert figures == first | rest


def _check_files(folder: Path) -> None:
    """The stored arrays say of themselves what the metrics say of them."""
    run = moe_lab.load(folder)
    routing, facts = run.routing, run.arrays("evaluation")
    weights, label = routing["weights"].astype(float), routing["label"].astype(float)
    sd = np.sqrt(routing["expert_variance"].astype(float))
    each = stats.norm.logpdf(label[:, None], routing["expert_mean"], sd)
    np.testing.assert_allclose(routing["expert_log_prob_true"], each, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(routing["log_density"], np.log((weights * np.exp(each)).sum(1)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(routing["prediction"], (weights * routing["expert_mean"]).sum(1), atol=1e-5)
    found = {name: entry["value"] for name, entry in run.metrics.items()}
    assert found["test_loss_nats"] == pytest.approx(-routing["log_density"].mean(), rel=1e-5)
    assert found["test_r2"] == pytest.approx(r2_score(label, routing["prediction"]))
    rmse = mean_squared_error(label, routing["prediction"]) ** 0.5
    assert (found["test_rmse_sd"], found["test_rmse"]) == pytest.approx((rmse, facts["target_sd"] * rmse))
    assert run.history_rows[-1]["validation_rmse_sd"] == pytest.approx(rmse, rel=0.3)
    # t and x in their own units: a sample lies within .1 of the forward function
    t, x = facts["target_mean"] + facts["target_sd"] * label, run.arrays("inputs")["x"]
    assert np.abs(x - t - 0.3 * np.sin(2 * np.pi * t)).max() < 0.1 + 1e-4
    assert np.array_equal(run.arrays("attributes")["branch"], routing["component"])
    assert not (folder / "expert_log_probs.npz").exists() and "log_probs" not in routing
    import torch

    from moe_lab.layers.noise import Noise, generator

    x_sd = torch.from_numpy((x - x.mean()) / x.std()).float().unsqueeze(-1)
    assert run.model()(x_sd, Noise([generator(0, "any")])).prediction_B.shape == label.shape


@pytest.mark.parametrize(
    "words",
    [
        ["dataset=diabetes", "gate=attentive"],
        ["dataset=toy_piecewise", "experts=linear_gaussian", "gate=top_k", "regularizer=[importance]"],
        ["dataset=toy_inverse", "baseline=dense_total", "dataset.validation_share=0"],
    ],
    ids=str,
)
def test_other_sets_gates_and_baselines(cli, metrics, words):
    result = cli("train", *BRIEF, *words, "--name", "one")
    assert result.code == 0, result.err
    assert metrics("one")["test_rmse"]["value"] > 0 and Path("runs/one/report.html").is_file()


def test_numbers_of_your_own(cli, metrics):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 6)).astype(np.float32)
    np.savez("mine.npz", x_train=x, y_train=100 + 50 * x[:, 0])
    own = ["dataset=npz", "dataset.path=mine.npz"]
    refused = cli("train", *own)
    assert refused.code == 2 and "take experts=gaussian objective=mixture_density" in refused.err
    result = cli("train", *BRIEF, *own, "--name", "own")
    assert result.code == 0, result.err
    assert metrics("own")["test_rmse"]["value"] > 10 > metrics("own")["test_rmse_sd"]["value"]


@pytest.mark.parametrize(
    "words",
    [
        "dataset=toy_inverse", "dataset=diabetes experts=gaussian", "objective=mixture_density", "experts=gaussian",
        "experts=linear_gaussian objective=mixture_density", "dataset=toy_inverse objective=mixture_density",
        "dataset=toy_inverse experts=gaussian objective=mixture_density gate=switch",
        "dataset=toy_inverse experts=gaussian objective=mixture_density baseline=gate_as_classifier",
        "dataset=toy_inverse experts=gaussian objective=mixture_density experts.least_sd=0",
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_clear_line_and_nothing_is_written(cli, words):
    result = cli("train", *words.split())
    assert result.code == 2
    assert result.err.startswith("moe-lab: ") and result.err.count("\n") == 1
    assert list(Path().iterdir()) == []
