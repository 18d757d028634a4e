"""The report of runs that predict numbers: from a folder that a brief training left."""

import re
from dataclasses import replace

import numpy as np
import pytest

from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.metrics.arrays import RunArrays
from moe_lab.reports import ArmsReport, write_run_report
from moe_lab.reports.kit.headline import headline, numbers, sampling_note_of_numbers, verdict
from moe_lab.reports.run.curves import loss_curve, quality_curve, rmse_curve
from moe_lab.reports.run.expert_accuracy import expert_rmse
from moe_lab.reports.run.predictive import accuracy_of_means, predictive_picture
from moe_lab.reports.run.target import target_of
from moe_lab.reports.run.target_tables import explained_table, given_table
from moe_lab.store.run import Run

WORDS = ["experts=gaussian", "objective=mixture_density", "trainer.epochs=3"]
S = "\N{NO-BREAK SPACE}"


def trained(folder, *words) -> Run:
    made = job.prepare([*WORDS, *words])
    folder.mkdir()
    experiment.run(made, folder, load_data(made.config))
    return Run(folder)


@pytest.fixture(scope="module")
def inverse(tmp_path_factory) -> Run:
    return trained(tmp_path_factory.mktemp("runs") / "inverse", "dataset=toy_inverse", "dataset.samples=300")


@pytest.fixture(scope="module")
def diabetes(tmp_path_factory) -> Run:
    return trained(tmp_path_factory.mktemp("runs") / "diabetes", "dataset=diabetes", "baseline=single")


def test_the_page(inverse, open_page):
    page = open_page(write_run_report(inverse))
    assert page.open == []
    assert (inverse.path / "report.html").read_bytes() == write_run_report(Run(inverse.path)).read_bytes()
    chapters = [
        "Headline numbers",
        "Training",
        "What the experts predict",
        "Usage of each expert",
        "Which branch each expert gets",
        "Which branch each expert explains",
        "Each expert compared with the mixture",
    ]
    places = [page.text.index(chapter) for chapter in chapters]
    assert places == sorted(places)
    shown = page.text[page.text.index("What the experts predict") : page.text.rindex("All metrics")]
    assert "each expert gets" in shown and "class" not in shown
    assert "test_rmse_sd" in page.text and "test_error_rate" not in page.text
    stems = {path.stem for path in (inverse.path / "figures").glob("*.svg")}
    assert stems == {
        "rmse", "loss", "predictive", "usage", "entropies", "gate_entropies", "target_expert", "target_responsible",
        "expert_rmse", "attributes", "interventions", "similarity",
    }  # fmt: skip


def test_one_expert_and_many_inputs(diabetes, open_page):
    page = open_page(write_run_report(diabetes))
    assert "Predicted against true" in page.text and "there is nothing to route" in page.text
    assert f"1{S}sd is the standard deviation of disease progression (score)" in page.text


def test_runs_of_both_kinds_side_by_side(inverse, diabetes, make_run, tmp_path):
    runs = [inverse, diabetes, make_run("classes")]
    rows = ArmsReport(runs).rows
    assert [row["test_error_rate"] is None for row in rows] == [True, True, False]
    assert [row["test_rmse_sd"] is None for row in rows] == [False, False, True]
    page = ArmsReport(runs).write(lambda: tmp_path)
    assert {"accuracy", "rmse", "loss"} <= {path.stem for path in (tmp_path / "figures").glob("*.svg")}
    # what a task does not have is a dash, not an undefined value with a reason
    assert "the targets are" not in page.read_text()


def test_the_sentence_on_top():
    values = {
        "test_rmse_sd": (0.664, "sd"),
        "test_loss_nats": (0.1431, "nats"),
        "mutual_information_expert_label_bits": (0.3088, "bits"),
        "dead_experts": (2, "count"),
        "collapsed": (0, "count"),
        "test_r2": (0.5563, "fraction"),
    }
    metrics = {name: {"value": value, "unit": unit} for name, (value, unit) in values.items()}
    metrics["test_error_rate"] = {"value": None, "unit": "fraction", "reason": "not classes"}
    sizes = {"experts": 5, "classes": 3, "task": "regression"}
    told = f"the choice of expert tells 0.31 of at most 1.58{S}bits about the branch."
    used = "5 experts, 2 of them never the first choice"
    quality = f"test RMSE 0.66{S}sd of the target, NLL 0.14{S}nats"
    assert verdict(metrics, **sizes, about="branch") == f"{used}; {quality}; {told}"
    cards = {card.name: card for card in headline(metrics, **sizes)}
    assert "test_error_rate" not in {number.name for number in numbers(metrics, **sizes)}
    assert cards["test_loss_nats"].bounds == "unbounded" and cards["test_loss_nats"].better == "lower is better"
    assert cards["test_r2"].bounds == f"at most 100{S}%"


def test_the_draw_of_the_test_samples(inverse):
    arrays = RunArrays.from_run(inverse)
    found = re.search(r"\N{PLUS-MINUS SIGN}([\d.]+)", sampling_note_of_numbers(arrays, "t"))
    rng = np.random.default_rng(0)
    rmse = [np.sqrt(np.square(rng.choice(arrays.error_N, arrays.samples)).mean()) for _ in range(2000)]
    assert float(found[1]) == pytest.approx(np.std(rmse), abs=0.004)


def test_curves_know_what_was_predicted(inverse, make_run):
    assert quality_curve(inverse.history_rows) == rmse_curve(inverse.history_rows)
    assert quality_curve(make_run("classes").history_rows).stem == "accuracy"
    assert "1.42 nats" in loss_curve(inverse.history_rows).caption
    # a Gaussian with the mean and the sd of y costs log(2 pi e) / 2
    assert round(np.log(2 * np.pi * np.e) / 2, 2) == 1.42


def test_tables_count_what_is_given_and_what_is_explained(inverse):
    arrays = RunArrays.from_run(inverse)
    target = target_of(inverse, arrays)
    assert (target.one, target.names, target.name) == ("branch", ["lower", "middle", "upper"], "t")
    for picture, counts_EC in (
        (given_table(arrays, target), arrays.label_counts_EC),
        (explained_table(arrays, target), arrays.responsible_counts_EC),
    ):
        found = [[row[f"expert_{e}"] for row in picture.rows] for e in range(5)]
        np.testing.assert_array_equal(found, counts_EC)
        assert [row["target_name"] for row in picture.rows] == target.names


def test_numbers_without_components_are_told_apart_by_their_tenths(diabetes):
    arrays = RunArrays.from_run(diabetes)
    target = target_of(diabetes, arrays)
    y = arrays.target_mean + arrays.target_sd * arrays.label_N.astype(float)
    deciles = np.quantile(y, np.arange(1, 10) / 10)
    assert target.names[0] == f"below {deciles[0]:.3g}" and target.names[-1] == f"from {deciles[-1]:.3g}"
    assert target.names[4] == f"{deciles[3]:.3g} to {deciles[4]:.3g}"
    assert len(target.names) == arrays.classes == 10


def test_pictures_are_in_the_targets_own_unit(inverse, diabetes):
    arrays = RunArrays.from_run(inverse)
    picture = predictive_picture(arrays, inverse.arrays("inputs"), target_of(inverse, arrays))
    x_N = inverse.arrays("inputs")["x"].astype(float)
    assert [row["x"] for row in picture.rows] == sorted(x_N.tolist())
    first = x_N.argmin()
    mean = arrays.target_mean + arrays.target_sd * arrays.expert_mean_NE[first, 2]
    assert picture.rows[0]["expert_2_mean"] == pytest.approx(mean)
    assert picture.rows[0]["expert_2_weight"] == pytest.approx(arrays.weights_NE[first, 2])

    arrays = RunArrays.from_run(diabetes)
    rows = accuracy_of_means(arrays, target_of(diabetes, arrays)).rows
    np.testing.assert_allclose([row["true"] for row in rows], np.round([row["true"] for row in rows]), atol=1e-3)
    rmse = np.sqrt(np.mean([(row["true"] - row["mean"]) ** 2 for row in rows]))
    assert rmse == pytest.approx(diabetes.metrics["test_rmse"]["value"], rel=1e-5)


def test_many_samples_are_thinned_out(inverse):
    arrays = RunArrays.from_run(inverse)
    many = {
        name: np.concatenate([value] * 40) if isinstance(value, np.ndarray) else value
        for name, value in vars(arrays).items()
        if name in arrays.__dataclass_fields__
    }
    wide = replace(arrays, **many)
    inputs = {"x": np.concatenate([inverse.arrays("inputs")["x"]] * 40), "name": np.array("x")}
    picture = predictive_picture(wide, inputs, target_of(inverse, arrays))
    assert len(picture.rows) == 160
    assert len(picture.svg) < 1_000_000


def test_each_experts_error_on_all_samples(inverse):
    arrays = RunArrays.from_run(inverse)
    picture = expert_rmse(arrays, [0.1, None, 0.3, 0.4, 0.5], {"mixture": 0.7, "oracle": 0.2})
    for e, row in enumerate(picture.rows):
        rmse = np.sqrt(np.mean((arrays.label_N - arrays.expert_mean_NE[:, e]) ** 2))
        assert row["rmse_all_sd"] == pytest.approx(rmse, rel=1e-5)
        assert (row["mixture_sd"], row["oracle_sd"]) == (0.7, 0.2)
    assert [row["rmse_own_sd"] for row in picture.rows] == [0.1, None, 0.3, 0.4, 0.5]
