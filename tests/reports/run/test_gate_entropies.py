"""The histogram against SciPy's entropies."""

import numpy as np
import pytest
from scipy.stats import entropy

from moe_lab.metrics import RunArrays
from moe_lab.reports.run.gate_entropies import entropy_histogram


@pytest.fixture(scope="module")
def arrays(make_run):
    return RunArrays.from_run(make_run("routed", unrouted=10))


def test_the_histogram_counts_every_routed_sample_by_its_entropy(arrays):
    picture = entropy_histogram(arrays)
    assert sum(row["samples"] for row in picture.rows) == 350
    bits_M = entropy(arrays.weights_NE[10:].astype(float), base=2, axis=1)
    expected, _ = np.histogram(bits_M, np.linspace(0, np.log2(5), 31))
    assert [row["samples"] for row in picture.rows] == expected.tolist()
    assert f"mean {bits_M.mean():.2f}" in picture.alt


def test_one_selected_expert_makes_the_histogram_trivial(make_run):
    run = make_run("hard")
    hard = np.eye(5, dtype=np.float32)[run.routing["weights"].argmax(1)]
    routing = {**run.routing, "weights": hard, "selected": hard > 0}
    picture = entropy_histogram(RunArrays.from_files({"routing": routing, "evaluation": run.arrays("evaluation")}))
    assert "so the entropy is always 0" in picture.caption
    assert picture.rows[0]["samples"] == 360


def test_two_selected_experts_bound_the_entropy(make_run):
    run = make_run("pairs")
    selected = np.zeros((360, 5), bool)
    selected[:, :2] = True
    routing = {**run.routing, "weights": (0.5 * selected).astype(np.float32), "selected": selected}
    caption = entropy_histogram(
        RunArrays.from_files({"routing": routing, "evaluation": run.arrays("evaluation")})
    ).caption
    # log2 2 = 1
    assert "At most 2 experts are selected for a sample, which bounds the entropy by 1.00 bits." in caption
