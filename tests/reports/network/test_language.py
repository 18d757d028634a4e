"""The report of a language model: domains in place of classes, and what is known of the best prediction."""

import csv
import re

import numpy as np
import pytest

import moe_lab
from moe_lab.errors import DataError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.reports import write_report
from moe_lab.reports.network.language import gap_pictures, steps_an_epoch
from moe_lab.store.run import Run

SMALL = ["network=language_model", "network.width=12", "network.heads=2", "experts.hidden=8", "trainer.epochs=2"]
WORDS = [*SMALL, "gate=switch", "regularizer=[switch_balance]", "experts.count=4", "trainer.limit_batches=3"]
DATA = {
    "chains": ["dataset=markov_languages", "dataset.sequences=600", "dataset.context=6"],
    "text": ["dataset.domain_bytes=8000", "dataset.document_bytes=800", "dataset.context=16"],
}


@pytest.fixture(scope="module", params=DATA)
def reported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("language") / request.param
    folder.mkdir()
    made = job.prepare([*WORDS, *DATA[request.param]])
    experiment.run(made, folder, load_data(made.config))
    write_report(Run(folder))
    return Run(folder)


def test_it_says_how_good_and_what_of_the_domain(reported):
    text = (reported.path / "report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    unit = r"[\d.]+ bits per byte" if reported.name == "text" else r"[\d.]+ % above the Bayes mixture"
    assert re.search(rf"Test loss [\d.]+ nats per token, {unit}\.", text)
    assert "I(E;domain) = " in text and "about the domain" in text and "I(E;class)" not in text
    assert "What follows the label domain" in text


def test_the_loss_by_place_stands_beside_that_of_bayes(reported):
    rows = (reported.path / "figures" / "loss_by_place.csv").read_text().splitlines()
    known = reported.name == "chains"
    assert rows[0] == ("place,this run,the Bayes mixture" if known else "place,this run")
    by_place = reported.metrics["test_loss_by_place_nats"]["value"]
    assert [row.split(",")[0] for row in rows[1:]] == list(by_place)
    assert float(rows[1].split(",")[1]) == pytest.approx(by_place["0"])
    text = (reported.path / "report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert ("never below the entropy rate" in text) == ("The Bayes router, which" in text) == known


def test_how_far_each_epoch_is_from_the_best_prediction(reported):
    path = reported.path / "figures" / "bayes_gap.csv"
    assert path.exists() == (reported.name == "chains")
    if path.exists():
        best = float(reported.arrays("test")["bayes_validation_loss"])
        rows = list(csv.DictReader(path.read_text().splitlines()))
        losses = [row["validation_loss_nats"] for row in reported.history_rows]
        assert [float(row["above (nats)"]) for row in rows] == pytest.approx([loss - best for loss in losses])
        assert [float(row["above (share)"]) for row in rows] == pytest.approx([loss / best - 1 for loss in losses])


@pytest.mark.parametrize("loss", [1.25, 0.99])
def test_a_run_may_be_below_the_best_prediction_by_luck(loss):
    """On a logarithmic axis it would not be seen. 1.25 / 1 is 25 % more, .99 / 1 is 1 % less."""
    history = [{"epoch": 1.0, "validation_loss_nats": 1.5}, {"epoch": 2.0, "validation_loss_nats": loss}]
    [picture] = gap_pictures(history, np.array(1.0), 40)
    assert [row["step"] for row in picture.rows] == [40, 80]
    [of_earlier_versions] = gap_pictures(history, np.array(1.0), None)
    assert "step" not in of_earlier_versions.rows[0]
    assert [row["above (share)"] for row in picture.rows] == pytest.approx([0.5, loss - 1])
    assert b"mathdefault" not in picture.svg and f"after epoch 2 {loss - 1:+.3g} nats" in picture.alt


@pytest.mark.parametrize("best", [None, np.array(0.0)])
def test_without_a_best_prediction_there_is_no_distance(best):
    assert gap_pictures([{"epoch": 1.0, "validation_loss_nats": 1.5}], best, 40) == ()
    assert gap_pictures([{"epoch": 1.0, "validation_loss_nats": None}], np.array(1.0), 40) == ()


def test_the_steps_of_an_epoch_are_those_that_were_done(reported):
    assert steps_an_epoch(reported) == 3


def test_bytes_have_names(reported):
    svg = (reported.path / "figures" / "tokens.svg").read_text()
    shown = set(re.findall(r">([^<]+)</text>", svg))
    assert ("\N{OPEN BOX}" in shown) == (reported.name == "text")


def test_a_loaded_language_model_predicts_the_tokens_that_follow(reported):
    model, test = moe_lab.load(reported.path).model(), reported.arrays("test")
    windows = load_data(reported.config).test.x_ND.numpy()
    np.testing.assert_array_equal(model.predict(windows).reshape(-1), test["prediction"])
    chances = model.predict_proba(windows[:3])
    assert chances.shape == (3, windows.shape[1], len(test["class_names"]))
    np.testing.assert_allclose(chances.sum(-1), 1, rtol=1e-5)
    assert model.route(windows[:3])["block1"]["weights"].shape == (3, windows.shape[1], 4)
    with pytest.raises(DataError, match="no tokens: expected whole numbers from 0"):
        model.predict(windows[:1] + 1000)
