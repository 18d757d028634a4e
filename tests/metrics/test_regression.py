"""Metrics of runs that predict numbers: by hand, against scikit-learn, bounds and invariants."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from sklearn.metrics import mean_squared_error, mutual_info_score, r2_score

from moe_lab.errors import RunError
from moe_lab.metrics import METRICS, RunArrays, compute, elements
from moe_lab.metrics.bins import bins

EVALUATION = {
    "parameters_total": np.array(10),
    "parameters_active": np.array(5),
    "multiply_adds_total": np.array(9),
    "multiply_adds_active": np.array(4),
    "target_mean": np.array(3.0),
    "target_sd": np.array(2.0),
}
#: four samples, three experts of which the last is dead; each sample's arg-max expert is 0 0 1 1
TINY = {
    "sample_index": np.arange(4),
    "label": np.array([0.0, 1.0, 2.0, 3.0], dtype=np.float32),
    "prediction": np.array([0.0, 2.0, 2.0, 1.0], dtype=np.float32),
    "log_density": np.array([-1.0, 0.5, 0.0, -2.5], dtype=np.float32),
    "probs": np.array([[0.75, 0.25, 0], [0.5, 0.25, 0.25], [0.25, 0.75, 0], [0, 1, 0]], dtype=np.float32),
    "weights": np.array([[0.75, 0.25, 0], [0.5, 0.25, 0.25], [0.25, 0.75, 0], [0, 1, 0]], dtype=np.float32),
    "selected": np.array([[1, 1, 0], [1, 1, 1], [1, 1, 0], [0, 1, 0]], dtype=bool),
    "expert_log_prob_true": np.array([[0, 9, 9], [0, -1, -1], [-1, 0, 9], [9, -2, 9]], dtype=np.float32),
    "expert_mean": np.array([[0, 3, 9], [2, 1, 9], [5, 2, 9], [3, 1, 9]], dtype=np.float32),
    "expert_variance": np.ones((4, 3), dtype=np.float32),
    "component": np.array([0, 0, 1, 0]),
}
NAMES = {"component_names": np.array(["low", "high"])}
EXPECTED = {
    # errors 0 -1 0 2: sqrt(5 / 4), and in the unit of y twice that
    "test_rmse_sd": math.sqrt(5 / 4),
    "test_rmse": math.sqrt(5),
    # squared distances of 0 1 2 3 from 1.5: 5
    "test_r2": 1 - 5 / 5,
    "test_loss_nats": 3 / 4,
    # expert 0 on samples 0 and 1: errors 0 -1; expert 1 on 2 and 3: errors 0 2
    "expert_rmse_sd": [math.sqrt(1 / 2), math.sqrt(4 / 2), None],
    # the nearest mean: 0, 1, 2 and 3, each met
    "oracle_rmse_sd": 0,
    # log densities of the arg-max experts 0 0 0 -2, the mixture's -3: (-3 + 2) / 4
    "hardening_gap_nats": -1 / 4,
    # experts 0 0 1 1, components 0 0 1 0: 1 + H(1/4) - 3/2
    "mutual_information_expert_label_bits": 0.3112781245,
    # most responsible: sample 0 expert 1 (log .25 + 9), then 0, 1, 1; components 0 0 1 0: H(1/4) + H(1/4) - 3/2
    "mutual_information_responsible_label_bits": 2 * 0.8112781245 - 3 / 2,
    "information_per_usage": 0.3112781245,
    "dead_experts": 1,
    # errors of the experts 0 -1 -3 0, -3 0 0 2 and -9 -8 -7 -6; the first two have samples 0 1 and 2 3
    "expert_rmse_everywhere_sd": [math.sqrt(10 / 4), math.sqrt(13 / 4), math.sqrt(230 / 4)],
    "expert_rmse_elsewhere_sd": [math.sqrt(9 / 2), math.sqrt(9 / 2), math.sqrt(230 / 4)],
    # best log densities 9 0 9 9, the mixture's -1 .5 0 -2.5, the experts' mean 6 -2/3 8/3 16/3
    "regret_nats": (10 - 0.5 + 9 + 11.5) / 4,
    "random_routing_regret_nats": (3 + 2 / 3 + 19 / 3 + 11 / 3) / 4,
    # usage 3/8 9/16 1/16 of experts with means 2 1.5 6.5
    "marginal_routing_loss_nats": -(3 / 8 * 2 + 9 / 16 * 1.5 + 1 / 16 * 6.5),
    # drawn by their own weights 2.25 -.5 -.25 -2, less 2
    "routing_gain_nats": (2.25 - 0.5 - 0.25 - 2) / 4 - 2,
}


@pytest.mark.parametrize("name", EXPECTED)
def test_value_by_hand(name):
    entry = compute(RunArrays.from_files({"routing": TINY, "evaluation": EVALUATION | NAMES}))[name]
    assert entry["value"] == pytest.approx(EXPECTED[name], abs=1e-7)
    assert entry["unit"] == METRICS[name].unit


def test_what_needs_classes_is_null_with_the_reason():
    entries = compute(RunArrays.from_files({"routing": TINY, "evaluation": EVALUATION | NAMES}))
    of_classes = {name for name, metric in METRICS.items() if not metric.serves("regression")}
    assert of_classes >= {"test_error_rate", "oracle_error_rate", "hardening_gap"}
    for name in of_classes:
        reason = "the targets are numbers, not classes"
        assert entries[name] == {"value": None, "unit": METRICS[name].unit, "reason": reason}


def drawn(seed: int, N: int = 60, E: int = 4, components: int | None = 3) -> tuple[dict, dict]:
    rng = np.random.default_rng(seed)
    label_N, mean_NE, sd_NE = rng.normal(size=N), rng.normal(size=(N, E)), rng.uniform(0.2, 2, (N, E))
    weights_NE = rng.dirichlet(np.ones(E), size=N)
    density_NE = -0.5 * ((label_N[:, None] - mean_NE) / sd_NE) ** 2 - np.log(sd_NE) - 0.5 * math.log(2 * math.pi)
    floats = {
        "label": label_N,
        "prediction": (weights_NE * mean_NE).sum(1),
        "log_density": logsumexp(np.log(weights_NE) + density_NE, axis=1),
        "probs": weights_NE,
        "weights": weights_NE,
        "expert_log_prob_true": density_NE,
        "expert_mean": mean_NE,
        "expert_variance": sd_NE**2,
    }
    routing = {name: array.astype(np.float32) for name, array in floats.items()}
    routing |= {"sample_index": np.arange(N), "selected": weights_NE > 0}
    if components is None:
        return routing, EVALUATION
    names = np.array([f"piece {c}" for c in range(components)])
    return routing | {"component": rng.integers(0, components, N)}, EVALUATION | {"component_names": names}


@pytest.mark.parametrize("components", [3, None])
def test_against_scikit_learn(components):
    routing, evaluation = drawn(0, components=components)
    entries = compute(RunArrays.from_files({"routing": routing, "evaluation": evaluation}))
    label, prediction = (routing[name].astype(float) for name in ("label", "prediction"))
    assert entries["test_rmse_sd"]["value"] == pytest.approx(mean_squared_error(label, prediction) ** 0.5)
    assert entries["test_r2"]["value"] == pytest.approx(r2_score(label, prediction))
    truth = routing["component"] if components else np.digitize(label, np.quantile(label, np.arange(1, 10) / 10))
    bits = mutual_info_score(routing["weights"].argmax(1), truth) / math.log(2)
    assert entries["mutual_information_expert_label_bits"]["value"] == pytest.approx(bits)
    posterior = (routing["weights"] * np.exp(routing["expert_log_prob_true"])).argmax(1)
    bits = mutual_info_score(posterior, truth) / math.log(2)
    assert entries["mutual_information_responsible_label_bits"]["value"] == pytest.approx(bits)


@given(seed=st.integers(0, 2**32 - 1), N=st.integers(1, 40), E=st.integers(1, 6), components=st.sampled_from([None, 3]))
@settings(deadline=None, max_examples=25)
def test_bounds_and_permutations(seed, N, E, components):
    routing, evaluation = drawn(seed, N, E, components)
    arrays = RunArrays.from_files({"routing": routing, "evaluation": evaluation})
    rng = np.random.default_rng(seed)
    rows, experts = rng.permutation(N), rng.permutation(E)
    moved = {n: a[rows][:, experts] if a.ndim == 2 else a[rows] for n, a in routing.items()}
    permuted = compute(RunArrays.from_files({"routing": moved, "evaluation": evaluation}))
    for name, entry in compute(arrays).items():
        value = entry["value"]
        values = elements(value)
        assert (None in values) == ("reason" in entry), name
        low, high = METRICS[name].bounds(**arrays.sizes)
        for one in filter(None, values):
            assert (low is None or low - 1e-6 <= one) and (high is None or one <= high + 1e-6), name
        expected = [value[e] for e in experts] if isinstance(value, list) else value
        assert permuted[name]["value"] == pytest.approx(expected, abs=1e-9), name


def test_tenths_are_of_equal_size_and_equal_numbers_share_one():
    assert np.bincount(bins(np.random.default_rng(0).normal(size=50))).tolist() == [5] * 10
    assert len(set(bins(np.zeros(7)))) == 1


def test_targets_that_are_all_the_same_have_no_r2():
    same = TINY | {"label": np.ones(4, dtype=np.float32)}
    entry = compute(RunArrays.from_files({"routing": same, "evaluation": EVALUATION | NAMES}))["test_r2"]
    assert (entry["value"], entry["reason"]) == (None, "the test targets are all equal")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("label", lambda a: a * np.nan, "label holds NaN"),
        ("label", lambda a: a.astype(int), r"label should be \(N\) floats"),
        ("expert_mean", lambda a: a + np.inf, "expert_mean holds NaN or infinite"),
        ("expert_variance", lambda a: a[:, :2], "expert_variance has 2 along E"),
        ("log_density", lambda a: a * np.nan, "log_density holds NaN"),
        ("component", lambda a: a + 1, r"component holds components outside 0 \.\. 1"),
    ],
)
def test_what_no_finished_run_writes_is_refused(name, change, message):
    with pytest.raises(RunError, match=message):
        RunArrays.from_files({"routing": TINY | {name: change(TINY[name])}, "evaluation": EVALUATION | NAMES})


def test_missing_facts_are_named_with_their_file():
    with pytest.raises(RunError, match=r"evaluation\.npz lacks component_names"):
        RunArrays.from_files({"routing": TINY, "evaluation": EVALUATION})
    without = {name: array for name, array in EVALUATION.items() if name != "target_sd"}
    with pytest.raises(RunError, match=r"evaluation\.npz lacks target_sd"):
        RunArrays.from_files({"routing": TINY, "evaluation": without | NAMES})


def test_generalization_gaps():
    files = {"routing": TINY, "evaluation": EVALUATION | NAMES}
    entries = compute(RunArrays.from_files(files, [{"train_rmse_sd": 1.0, "train_loss_nats": 0.5}]))
    assert entries["generalization_gap_sd"]["value"] == pytest.approx(math.sqrt(5 / 4) - 1)
    assert entries["generalization_gap_nats"]["value"] == pytest.approx(3 / 4 - 0.5)
    assert compute(RunArrays.from_files(files))["generalization_gap_sd"]["reason"] == "the history has no train_rmse_sd"
