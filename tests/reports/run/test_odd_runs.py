"""The report of a run that lacks something: experts, images, routed samples, metrics, or its end."""

import math

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.reports import write_run_report
from moe_lab.store.atomic import write_npz
from tests.reports.run.drawn import FIGURES, stems


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
    assert ("depend on the other samples of their batch" in open_page(write_run_report(run)).text) == batch_dependent


def test_nothing_routed_at_all(make_run, open_page):
    page = open_page(write_run_report(make_run("empty", unrouted=360)))
    assert "No test sample reached an expert" in page.text


def test_samples_that_are_no_images(make_run, open_page):
    run = make_run("columns", images=False)
    assert "The samples are not images" in open_page(write_run_report(run)).text
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


def test_classes_that_the_test_split_lacks_are_said(make_run, open_page):
    # 360 samples leave some of 200 classes out
    run = make_run("few", classes=200)
    with np.load(run.path / "routing.npz") as routing:
        tested = len(np.unique(routing["label"]))
    page = open_page(write_run_report(run))
    assert f"The test split has no sample of {200 - tested} of the 200 classes: " in page.text
    assert f" and {190 - tested} more. These are not measured" in page.text
    assert f"those of the other {tested}." in page.text
