"""Defects that were found in public code for mixtures of experts: each is a test here, or one that ``TESTED`` names.

Two-letter names: DM davidmrau/mixture-of-experts, FM FastMoE, LR lucidrains' packages, OE OLMoE's analysis, KW the
reference code of arXiv:2302.14703, UU the code of arXiv:2601.15021, LB LibMoE, HF transformers' Mixtral.
"""

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.metrics import RunArrays, compute

TESTS = Path(__file__).parents[1]
#: defect -> the tests elsewhere that would find it here
TESTED = {
    "DM: load compares logits with thresholds of softmaxed values, 7035 in place of 4000": [
        "conformance/gate/test_noisy_top_k.py::test_loads_sum_to_about_k_a_sample",
        "conformance/gate/test_noisy_top_k.py::test_load_probabilities_are_the_chance_of_being_among_the_k",
    ],
    "DM: the squared variation takes the unbiased variance without a word": [
        "conformance/regularizer/test_importance.py::test_against_scipy",
        "conformance/regularizer/test_load.py::test_squared_variation_of_the_summed_load_probabilities",
    ],
    "DM: weights are renormalized after a whole softmax": [
        "conformance/gate/test_top_k.py::test_softmax_over_the_two_largest_scores",
    ],
    "FM: in evaluation the noise's scale is multiplied by 0 and then divided by, so that load is NaN": [
        "conformance/gate/test_noisy_top_k.py::test_no_noise_at_test",
    ],
    "FM: GShard's first expert is column 0 of an unsorted top-k": [
        "conformance/select/test_gshard.py::test_the_two_largest_whatever_their_order",
    ],
    "LR: the second expert is left out at random in evaluation": [
        "conformance/select/test_gshard.py::test_evaluation_keeps_both",
        "conformance/test_every_gate.py::test_evaluation_is_deterministic",
    ],
    "LR: permuting a batch changes outputs in evaluation, by capacity": [
        "conformance/test_every_gate.py::test_rows_do_not_depend_on_their_batch_mates",
        "conformance/select/test_capacity.py::test_none_at_evaluation_unless_asked_for",
    ],
    "LR: one expert a sample is forbidden": [
        "conformance/test_every_gate.py::test_only_the_k_that_a_gate_can_use_is_taken",
    ],
    "KW: of the sample similarity one term alone is divided by the number of pairs": [
        "conformance/regularizer/test_sample_similarity.py::test_paper_form",
        "conformance/regularizer/test_sample_similarity.py::test_the_two_betas_act_as_one_where_rows_sum_to_one",
    ],
    "KW: a second softmax over a mixture of softmaxes": [
        "conformance/objective/test_mixture.py::test_the_second_softmax_has_a_floor",
        "mixture/test_mixture.py::test_dense_mixture_is_the_mixture_of_its_parts",
    ],
    "LB: weights of the cosine gate are a softmax of a softmax": [
        "conformance/gate/test_cosine.py::test_softmax_over_the_two_largest_scores",
    ],
    "LB: the balance loss counts first choices alone, whatever k": [
        "conformance/regularizer/test_switch_balance.py::test_two_experts_a_sample_by_hand",
    ],
    "HF: the balance loss was wrong three times": [
        "conformance/regularizer/test_switch_balance.py::test_one_expert_a_sample_by_hand",
        "conformance/regularizer/test_switch_balance.py::test_one_at_balance_and_k_where_samples_count",
    ],
    "HF: the balance loss is configured and yet no part of the loss": [
        "mixture/test_mixture.py::test_losses_are_objective_plus_weighted_regularizers",
        "training/test_loop.py::test_a_step_is_gradient_descent_on_objective_plus_regularizers",
    ],
}


@pytest.mark.parametrize("place", sorted({place for places in TESTED.values() for place in places}))
def test_the_named_tests_are_there(place):
    file, _, name = place.partition("::")
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text(), re.MULTILINE)


def test_fm_the_switch_gate_adds_no_noise_to_its_logits(gate_of, draw, noise):
    """The paper's jitter multiplies the input; here there is none, and training routes as evaluation does."""
    gate, x = gate_of("switch"), draw(64, 12)
    training, evaluation = gate(x, None, noise), gate.eval()(x, None, noise)
    assert torch.equal(training.weights_BE, evaluation.weights_BE)


def test_uu_load_is_not_importance(learner_of, draw, noise):
    """One sums the chance of being selected, the other the weights: on one batch they differ."""
    learner = learner_of("gate=noisy_top_k", "regularizer=[importance,load]")
    routing = learner(draw(64, 12), noise).routing
    summed = [one.sum(0) for one in (routing.extras["load_probs_BE"], routing.weights_BE)]
    load, importance = (one / one.sum() for one in summed)
    assert (load - importance).abs().max() > 1e-3


@pytest.mark.parametrize("name", options("gate"))
def test_lb_the_seed_decides_how_every_gate_begins(learner_of, name):
    """A peer starts every gate from seed 42, so that its seeds are not seeds of the routing."""
    gates = [learner_of(f"gate={name}", seed=seed).mixture.gate for seed in (0, 0, 1)]
    states = [torch.cat([one.flatten().float() for one in gate.parameters()] or [torch.empty(0)]) for gate in gates]
    assert torch.equal(states[0], states[1])
    # a gate that has no parameters, or starts at zero by design, owes nothing to any seed
    assert not torch.equal(states[0], states[2]) or not states[0].any()


def arrays_of(weights_NE, label_N, expert_prediction_NE) -> RunArrays:
    samples, experts = weights_NE.shape
    weights_NE = weights_NE.astype(np.float32)
    routing = {
        "sample_index": np.arange(samples),
        "label": label_N,
        "prediction": label_N,
        "log_probs": np.full((samples, 2), np.log(0.5), np.float32),
        "probs": weights_NE / weights_NE.sum(1, keepdims=True),
        "weights": weights_NE,
        "selected": weights_NE > 0,
        "expert_prediction": expert_prediction_NE,
        "expert_log_prob_true": np.full((samples, experts), np.log(0.5), np.float32),
    }
    costs = ("parameters_total", "parameters_active", "multiply_adds_total", "multiply_adds_active")
    return RunArrays.from_files({"routing": routing, "evaluation": {name: np.array(1) for name in costs}})


def test_kw_entropies_of_samples_and_of_usage_have_one_unit():
    """Even weights of eight experts: log2 8 = 3 bits both, where a peer has 3 bits beside ln 8 = 2.08 nats."""
    metrics = compute(arrays_of(np.full((6, 8), 1 / 8), np.arange(6) % 2, np.zeros((6, 8), int)))
    for name in ("sample_entropy_bits", "usage_entropy_bits"):
        assert metrics[name] == {"value": pytest.approx(3), "unit": "bits"}


def test_kw_information_about_the_label_is_not_about_the_experts_own_answer():
    """Four samples; expert 0 gets one of each class and always says 0, expert 1 the same and always says 1. About the
    label the expert tells nothing; about its own answer everything, 1 bit."""
    weights = np.array([[1, 0], [1, 0], [0, 1], [0, 1]])
    metrics = compute(arrays_of(weights, np.array([0, 1, 0, 1]), np.array([[0, 1]] * 4)))
    assert metrics["mutual_information_expert_label_bits"]["value"] == pytest.approx(0, abs=1e-12)
    assert metrics["mutual_information_expert_prediction_bits"]["value"] == pytest.approx(1)


def test_oe_coactivation_counts_all_pairs_and_not_neighbours_in_rank_alone():
    """k = 3: experts 0 and 2 are first and third of every sample, and always selected together."""
    metrics = compute(arrays_of(np.array([[0.5, 0.3, 0.2, 0.0]] * 4), np.arange(4) % 2, np.zeros((4, 4), int)))
    shares = metrics["coactivation"]["value"]
    assert all(shares[f"{e} with {f}"] == 1 for e in range(3) for f in range(3) if e != f)
    assert all(shares[f"{e} with 3"] == 0 for e in range(3))
