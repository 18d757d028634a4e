import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from moe_lab.config.compose import compose
from moe_lab.data.dataset import Data, Split
from moe_lab.errors import Diverged
from moe_lab.evaluation import evaluate as module
from moe_lab.evaluation.evaluate import evaluate, examples
from moe_lab.experiment.building import build_learner
from moe_lab.layers.noise import Noise, generator

N, E, C = 30, 5, 4


@pytest.fixture
def files(learner_of, data):
    return lambda *words: evaluate(learner_of(*words).mixture, data, Noise([generator(0, "evaluation")]), 8)


def test_shapes_and_types(files):
    routing = files()["routing"]
    expected = {
        "sample_index": ((N,), "int64"),
        "label": ((N,), "int64"),
        "prediction": ((N,), "int64"),
        "log_probs": ((N, C), "float32"),
        "probs": ((N, E), "float32"),
        "weights": ((N, E), "float32"),
        "selected": ((N, E), "bool"),
        "gate_logits": ((N, E), "float32"),
        "expert_prediction": ((N, E), "int64"),
        "expert_log_prob_true": ((N, E), "float32"),
    }
    assert {name: (array.shape, str(array.dtype)) for name, array in routing.items()} == expected


def test_predictions_that_depend_on_batch_mates_are_made_in_batches_of_the_training_size(learner_of, data):
    """Expert choice with batches of 8: every expert takes round(2 * 8 / 5) = 3 of each, and 2 of the last six."""
    mixture = learner_of("gate=expert_choice").mixture
    made = evaluate(mixture, data, Noise([generator(0, "evaluation")]), 8)
    assert made["evaluation"]["batch_dependent"]
    for start, taken in ((0, 3), (8, 3), (16, 3), (24, 2)):
        assert made["routing"]["selected"][start : start + 8].sum(0).tolist() == [taken] * 5


def test_overflow_is_written_where_there_is_a_capacity(files):
    assert "overflow" not in files()["routing"] and not files()["evaluation"]["batch_dependent"]
    assert files("gate=gshard_top2")["routing"]["overflow"].tolist() == [0] * N
    words = ["gate/select=capacity", "gate.select.evaluation_factor=0.25", "gate.select.min_capacity=1"]
    made = files("gate=switch", *words)
    # batches of 8, 8, 8 and 6 with C = ceil(.25 * 8 / 5) = 1: at most 5 of each have an expert
    assert made["evaluation"]["batch_dependent"]
    assert np.array_equal(made["routing"]["overflow"], 1 - made["routing"]["selected"].sum(1))
    assert made["routing"]["overflow"].sum() >= 10


@pytest.mark.parametrize("words", [[], ["gate=switch"]], ids=str)
def test_arrays_agree_with_each_other(files, words):
    made = files(*words)
    routing, experts = made["routing"], made["expert_log_probs"]["log_probs"]
    assert experts.shape == (N, E, C) and experts.dtype == np.float16
    rows = np.arange(N)[:, None], np.arange(E)[None]
    np.testing.assert_allclose(
        experts[(*rows, routing["label"][:, None])], routing["expert_log_prob_true"], rtol=2e-3, atol=1e-3
    )
    assert np.array_equal(routing["prediction"], routing["log_probs"].argmax(1))
    # all experts are evaluated, also those that a sparse gate did not select
    assert np.isfinite(routing["expert_log_prob_true"]).all()
    # probabilities before selection, weights after it
    np.testing.assert_allclose(routing["probs"].sum(1), 1, rtol=1e-5)
    assert np.array_equal(routing["weights"] > 0, routing["selected"])
    if words:
        assert not np.allclose(routing["probs"], routing["weights"])
    else:
        # q = sum_e w_e P_e
        q = (routing["weights"] * np.exp(routing["expert_log_prob_true"])).sum(1)
        np.testing.assert_allclose(np.log(q), routing["log_probs"][np.arange(N), routing["label"]], rtol=1e-4)


def test_counts_and_names(files):
    facts = files()["evaluation"]
    # experts 5 (12 * 6 + 6 + 6 * 4 + 4), gate 12 * 64 + 64, 64 * 32 + 32, 32 * 5 + 5
    assert facts["parameters_total"] == facts["parameters_active"] == 5 * 106 + 3077
    assert files("k=2")["evaluation"]["parameters_active"] == 2 * 106 + 3077
    assert facts["class_names"].tolist() == ["a", "b", "c", "d"]


def test_attentive_gates_run_every_expert(files):
    facts = files("gate=attentive", "k=1")["evaluation"]
    assert facts["parameters_active"] == facts["parameters_total"]


def test_examples_are_the_clearest_of_each_expert(files, data):
    made = files()
    examples, weights = made["examples"], made["routing"]["weights"]
    assert examples["image"].shape[1:] == (1, 3, 4) and examples["image"].dtype == np.uint8
    for e in range(E):
        mine = np.flatnonzero(weights.argmax(1) == e)
        best = sorted(weights[mine, e], reverse=True)[:8]
        np.testing.assert_allclose(examples["weight"][examples["expert"] == e], best)
    low, high = data.test.x_ND.min(), data.test.x_ND.max()
    at = torch.from_numpy(examples["sample_index"])
    pixels = ((data.test.x_ND[at] - low) / (high - low) * 255).round().numpy()
    np.testing.assert_array_equal(examples["image"].reshape(len(at), -1), pixels)


def test_large_expert_tables_are_left_out(files, monkeypatch):
    monkeypatch.setattr(module, "EXPERT_LOG_PROBS_BYTES", N * E * C * 2)
    assert "expert_log_probs" not in files()


def test_a_mixture_that_predicts_nan_has_diverged(learner_of, data):
    mixture = learner_of().mixture
    next(mixture.parameters()).data.fill_(torch.nan)
    with pytest.raises(Diverged):
        evaluate(mixture, data, Noise([generator(0, "evaluation")]), 8)


def test_the_test_split_is_looked_at_without_noise(learner_of, data):
    mixture = learner_of("gate=noisy_top_k").mixture.train()
    looks = [evaluate(mixture, data, Noise([generator(seed, "any")]), 8)["routing"]["weights"] for seed in (0, 1)]
    assert np.array_equal(*looks)


def test_equally_sure_examples_are_ranked_by_their_margin_then_their_index(data):
    weights = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], dtype=np.float32)
    logits = np.array([[40, 0], [90, 0], [90, 0], [0, 50]], dtype=np.float32)
    index = np.arange(4)
    said = {"log_probs": np.log(np.full((4, 4), 0.25)), "expert_log_prob_true": np.log(np.full((4, 2), 0.25))}
    routing = {"weights": weights, "gate_logits": logits, "sample_index": index, "label": index, "prediction": index}
    routing |= said
    assert examples(routing, data)["sample_index"].tolist() == [1, 2, 0, 3]


def test_many_experts_and_classes_take_no_table_of_all_samples(monkeypatch):
    """64 experts with 500 classes on 600 samples: all log-probabilities are 77 MB; a batch's are 16 MB at most."""
    learner = build_learner(compose(["experts.count=64", "gate=switch"]), (12,), 500, 0)
    x = torch.randn(600, 12)
    many = Data(*[Split(x, torch.arange(600) % 500, torch.arange(600))] * 3, (12,), tuple(map(str, range(500))), {})
    largest = 0

    class Watched(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            result = func(*args, **(kwargs or {}))
            for tensor in tree_leaves(result):
                largest = max(largest, tensor.untyped_storage().nbytes() if isinstance(tensor, torch.Tensor) else 0)
            return result

    monkeypatch.setattr(module, "EXPERT_LOG_PROBS_BYTES", 1e6)
    with Watched():
        made = evaluate(learner.mixture, many, Noise([generator(0, "evaluation")]), 8)
    assert made["routing"]["expert_prediction"].shape == (600, 64)
    assert largest <= 4 * 2**22
