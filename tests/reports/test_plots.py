"""The reports' pictures as matplotlib axes."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib import pyplot

import moe_lab

QUIET = {"trainer.limit_batches": 3, "quiet": True, "report": False}
NUMBERS = {"dataset": "diabetes", "experts": "gaussian", "objective": "mixture_density"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A sweep of two gates and two seeds."""
    runs = tmp_path_factory.mktemp("runs")
    words = {"gate": ("softmax", "attentive"), "seed": range(2), "trainer.epochs": 2, "launcher": "serial"}
    return moe_lab.sweep(runs=runs, name="gates", **words, **QUIET)


@pytest.fixture(autouse=True)
def closed():
    yield
    pyplot.close("all")


def test_usage_is_stacked_to_100_percent(made):
    run = made.runs[0]
    axes = moe_lab.plots.usage(run)
    tops_ET = np.array([patch.get_data().values for patch in axes.patches])
    shares = run.history[[f"usage_share_{e}" for e in range(5)]].to_numpy().T
    np.testing.assert_allclose(tops_ET, 100 * shares.cumsum(axis=0), atol=1e-6)
    np.testing.assert_allclose(tops_ET[-1], 100, atol=1e-6)


def test_the_class_table_counts_the_test_samples(made):
    run = made.runs[0]
    axes = moe_lab.plots.class_table(run)
    # the cells' texts are the counts; digits hold 360 test samples
    assert sum(int(text.get_text()) for text in axes.texts) == 360
    names = sorted(label.get_text() for label in axes.get_yticklabels())
    assert names == list("0123456789")
    expert_N = run.routing["weights"].argmax(1)
    shares_CE = np.array(axes.images[0].get_array())
    row = [label.get_text() for label in axes.get_yticklabels()].index("3")
    three = np.bincount(expert_N[run.routing["label"] == 3], minlength=5)
    np.testing.assert_allclose(shares_CE[row], three / three.sum())


def test_a_forest_has_every_arm_and_seed(made):
    axes = moe_lab.plots.forest(made, "test_error_rate")
    assert axes.get_xlabel().endswith("(%)")
    names = [label.get_text() for label in axes.get_yticklabels()]
    assert sorted(names) == ["attentive", "softmax"]
    for place, name in enumerate(names):
        errors = 100 * made.frame[made.frame.gate == name].test_error_rate.to_numpy()
        means = [line for line in axes.lines if list(line.get_ydata()) == [place] and len(line.get_xdata()) == 1]
        assert means[0].get_xdata()[0] == pytest.approx(errors.mean(), rel=1e-3)
        (seeds,) = [line for line in axes.lines if list(line.get_ydata()) == [place + 0.27] * 2]
        np.testing.assert_allclose(sorted(seeds.get_xdata()), sorted(errors), rtol=1e-3)
    # the same of a list of runs; the metric is the first that a report shows
    other = moe_lab.plots.forest(made.runs)
    assert [label.get_text() for label in other.get_yticklabels()] == names


def test_on_axes_of_ones_own(made):
    figure, panels = pyplot.subplots(1, 3)
    for panel, draw, what in zip(
        panels,
        (moe_lab.plots.usage, moe_lab.plots.class_table, moe_lab.plots.forest),
        (made.runs[0], made.runs[0], made),
        strict=True,
    ):
        assert draw(what, ax=panel) is panel
    assert panels[0].patches and panels[1].images and panels[2].lines
    figure.canvas.draw()


def test_what_cannot_be_drawn_is_one_line(made, tmp_path):
    with pytest.raises(moe_lab.RunError, match="'test_eror_rate' is not a number.*Did you mean test_error_rate"):
        moe_lab.plots.forest(made, "test_eror_rate")
    with pytest.raises(moe_lab.RunError, match="there is one expert, so there is no usage"):
        moe_lab.plots.usage(moe_lab.train(runs=tmp_path, baseline="single", **{"trainer.epochs": 1}, **QUIET))
    numbers = moe_lab.train(runs=tmp_path, **NUMBERS, **{"trainer.epochs": 1}, **QUIET)
    with pytest.raises(moe_lab.RunError, match="the run is of regression, which has no classes"):
        moe_lab.plots.class_table(numbers)


def test_it_is_imported_when_it_is_asked_for():
    code = "import sys, moe_lab; assert 'plots' in dir(moe_lab); print({'matplotlib', 'torch'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"
    code = "import sys; from moe_lab import plots; plots.usage; print({'matplotlib.pyplot', 'torch'} & {*sys.modules})"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"
