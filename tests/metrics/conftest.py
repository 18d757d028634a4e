"""Runs' arrays for the metrics tests: one small enough for hand arithmetic, and random ones."""

from collections.abc import Callable

import numpy as np
import pytest

from moe_lab.metrics import RunArrays

Arrays = dict[str, np.ndarray]


@pytest.fixture
def tiny() -> dict[str, Arrays]:
    """The files of a run of N=5 samples, E=4 experts, C=3 classes.

    Sample 1 and 3 are ties, sample 2 has a weight of 2, sample 4 has no expert; experts 2 and 3 are dead.
    The arg-max experts are 0 0 1 1 -1.
    """
    half, quarter = np.log([0.5, 0.25])
    routing = {
        "sample_index": np.arange(5),
        "label": np.array([0, 0, 1, 0, 2]),
        "prediction": np.array([0, 1, 1, 1, 2]),
        "log_probs": np.array(
            [
                [half, quarter, quarter],
                [quarter, half, quarter],
                [quarter, half, quarter],
                [quarter, half, quarter],
                [quarter, quarter, half],
            ],
            dtype=np.float32,
        ),
        "probs": np.array(
            [[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [0, 1, 0, 0], [0.25, 0.5, 0.25, 0], [0.5, 0, 0, 0.5]],
            dtype=np.float32,
        ),
        "weights": np.array(
            [[1, 0, 0, 0], [0.5, 0.5, 0, 0], [0, 2, 0, 0], [0, 0.25, 0.25, 0], [0, 0, 0, 0]], dtype=np.float32
        ),
        "selected": np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0]], dtype=bool),
        "expert_prediction": np.array([[0, 1, 2, 1], [0, 1, 1, 2], [0, 1, 1, 0], [1, 1, 2, 1], [0, 1, 0, 2]]),
        "expert_log_prob_true": np.full((5, 4), half, dtype=np.float32),
        "overflow": np.array([0, 0, 0, 0.5, 1], dtype=np.float32),
    }
    evaluation = {
        "parameters_total": np.array(1000),
        "parameters_active": np.array(600),
        "multiply_adds_total": np.array(2000),
        "multiply_adds_active": np.array(900),
        "class_names": np.array(["zero", "one", "two"]),
    }
    evaluation |= {
        "reference_untrained": np.array([0, 1, 0, 1, 2]),
        "reference_learnable": np.array([0, 1, 1, 2, 3]),
        "truth": np.array("class"),
        "expert_of_class": np.array([0, 1, 1]),
        "feature_cka": pairs({(0, 1): 0.8}, 0.5),
        "weight_cosine": pairs({(0, 1): -0.2}, 0.1),
    }
    before = routing["prediction"]
    interventions = {
        "removed_prediction": np.stack([[1, 1, 1, 1, 2], [0, 1, 0, 1, 2], [0, 1, 1, 0, 2], before], 1),
        "removed_log_likelihood": np.full((5, 4), quarter, dtype=np.float32),
        "swapped_errors": pairs({(0, 1): 3, (2, 3): 1}, 2),
    }
    # a task a class, learned in the order of the classes; rows: before, and after each of the three
    stages = {
        "task_of_class": np.tile([0, 1, 2], (4, 1)),
        "experts": np.array([2, 2, 3, 4]),
        "prediction": np.array([[0, 2, 0, 2, 0], [0, 0, 1, 2, 1], [0, 0, 1, 0, 1], [0, 1, 1, 1, 2]]),
        "prediction_within_task": np.array([[0, 0, 0, 0, 0], [0, 0, 0, 0, 2], [0, 0, 1, 1, 2], [0, 1, 1, 0, 2]]),
        "expert": np.array([[0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [1, 1, 2, 1, 0], [0, 0, 1, 1, 2]]),
    }
    # each expert is certain of what it predicts
    certain = np.where(np.arange(3) == routing["expert_prediction"][..., None], 0, -np.inf)
    return {
        "routing": routing,
        "evaluation": evaluation,
        "attributes": {"class": routing["label"]},
        "interventions": interventions,
        "expert_log_probs": {"log_probs": certain.astype(np.float16)},
        "assignments": {"expert": np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, -1]])},
        "stages": stages,
    }


@pytest.fixture(scope="session")
def tiny_history() -> list[dict[str, float]]:
    """Three epochs of a run with four experts."""
    columns = {
        "train_loss_nats": [2, 1, 0.5],
        "train_error_rate": [0.5, 0.25, 0.1],
        "train_sample_entropy_bits": [2, 0.55, 0.5],
        "train_usage_entropy_bits": [1, 1.5, 1],
        "batch_max_violation": [0, 0, 1.5],
    }
    shares = {
        "usage_share": [[0.4, 0.3, 0.2, 0.1], [1, 0, 0, 0], [0.1, 0.4, 0.3, 0.2]],
        "load_share": [[0.5, 0.5, 0, 0], [1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]],
        "samples_a_step": [[9, 9, 9, 9], [9, 9, 9, 9], [3, 2, 1, 0]],
    }
    columns |= {f"{name}_{e}": [row[e] for row in rows] for name, rows in shares.items() for e in range(4)}
    return [{name: column[t] for name, column in columns.items()} for t in range(3)]


def pairs(known: dict[tuple[int, int], float], others: float) -> np.ndarray:
    """A symmetric [4, 4] table with the given values off its diagonal."""
    table = np.full((4, 4), others)
    for (e, f), value in known.items():
        table[e, f] = table[f, e] = value
    return table


@pytest.fixture(scope="session")
def random_arrays() -> Callable[..., Arrays]:
    """A function ``(seed, N, E, C, zero_share) -> routing arrays``; weights of a row are all distinct, so no ties."""

    def make(seed: int, N: int = 60, E: int = 4, C: int = 3, zero_share: float = 0.2) -> Arrays:
        generator = np.random.default_rng(seed)
        logits_NC = generator.normal(size=(N, C))
        log_probs_NC = logits_NC - np.logaddexp.reduce(logits_NC, 1, keepdims=True)
        # a permutation of 1 .. E a row, most of it squared away, so that some rows are nearly one-hot
        ranks_NE = np.argsort(generator.random((N, E)), 1) + 1.0
        weights_NE = ranks_NE ** generator.integers(1, 9, size=(N, 1))
        weights_NE *= (generator.random(N) >= zero_share)[:, None]
        probs_NE = generator.dirichlet(np.ones(E), size=N)
        return {
            "sample_index": np.arange(N),
            "label": generator.integers(0, C, N),
            "prediction": log_probs_NC.argmax(1),
            "log_probs": log_probs_NC.astype(np.float32),
            "probs": probs_NE.astype(np.float32),
            "weights": weights_NE.astype(np.float32),
            "selected": weights_NE > 0,
            "gate_logits": np.log(probs_NE).astype(np.float32),
            "expert_prediction": generator.integers(0, C, (N, E)),
            "expert_log_prob_true": -generator.exponential(size=(N, E)).astype(np.float32),
            "overflow": generator.random(N).astype(np.float32),
        }

    return make


@pytest.fixture(scope="session")
def run_arrays() -> Callable[[Arrays], RunArrays]:
    """A function that makes RunArrays of routing arrays, with arbitrary costs, experts that give the class they
    predict the probability 3 / (C + 2), random assignments and a random history."""
    costs = ("parameters_total", "parameters_active", "multiply_adds_total", "multiply_adds_active")
    evaluation = {name: np.array(10) for name in costs}

    def make(routing: Arrays) -> RunArrays:
        generator, E, C = np.random.default_rng(0), routing["weights"].shape[1], routing["log_probs"].shape[1]
        predicted_NEC = routing["expert_prediction"][..., None] == np.arange(C)
        log_probs_NEC = np.log(np.where(predicted_NEC, 3, 1) / (C + 2)).astype(np.float16)
        files = {
            "routing": routing,
            "evaluation": evaluation,
            "expert_log_probs": {"log_probs": log_probs_NEC},
            "assignments": {"expert": generator.integers(-1, E, (4, 30))},
        }
        return RunArrays.from_files(files, [random_row(generator, E) for _ in range(4)])

    return make


def random_row(generator: np.random.Generator, experts: int) -> dict[str, float]:
    entropies = {f"train_{name}_entropy_bits": generator.random() for name in ("sample", "usage")}
    shares = {f"{name}_share_{e}": generator.random() for name in ("usage", "load") for e in range(experts)}
    counts = {f"samples_a_step_{e}": 64 * generator.random() for e in range(experts)}
    scores = {"train_loss_nats": 1.0, "train_error_rate": 0.5, "batch_max_violation": generator.random() / experts}
    return entropies | shares | counts | scores
