"""Multiply-adds of networks against arithmetic by hand."""

import pytest
import torch

from moe_lab.experiment import job
from moe_lab.experiment.networks import build_network_learner
from moe_lab.models.costs import network_multiply_add_counts, network_parameter_counts
from tests.models.conftest import mlp, noise_of, transformer

#: 24 pixels to 12 features, relu, a linear gate of five experts, and 12 features to three classes
MLP_REST, MLP_EXPERT = 24 * 12 + 12 * 5 + 12 * 3, 12 * 7 + 7 * 12
#: six patches of four pixels; a block: query, key, value; q k' and what it weighs of v; the layer on top; the gate
BLOCK = 6 * (12 * 36 + 2 * 6 * 12 + 12 * 12 + 12 * 5)
REST = 6 * 4 * 12 + 2 * BLOCK + 12 * 3


def counts(network):
    return tuple(network_multiply_add_counts(network, 24, torch.device("cpu")).values())


@pytest.mark.parametrize("dispatch", ["auto", "dense"])
def test_by_hand(dispatch):
    assert counts(mlp(dispatch=dispatch)) == (MLP_REST + 5 * MLP_EXPERT, MLP_REST + 2 * MLP_EXPERT)
    assert counts(mlp("k=1", shared_experts=2)) == (MLP_REST + 7 * MLP_EXPERT, MLP_REST + 3 * MLP_EXPERT)
    of_one = 2 * 6 * MLP_EXPERT
    assert counts(transformer(dispatch=dispatch)) == (REST + 5 * of_one, REST + 2 * of_one)


def test_experts_without_a_network_cost_nothing():
    """But for the larger gate, and the two shares of a constant."""
    words = ("experts.zero=2", "experts.copy=1", "experts.constant=2")
    rest = MLP_REST + 12 * 5 + 2 * 12 * 2
    assert counts(mlp(*words)) == (rest + 5 * MLP_EXPERT, rest + 2 * MLP_EXPERT)
    # k of all ten, of which five compute
    assert counts(mlp(*words, "k=7")) == (rest + 5 * MLP_EXPERT,) * 2
    plain, idle = network_parameter_counts(mlp()), network_parameter_counts(mlp(*words))
    # a weight and a bias of the gate for each of 12 features, and of two constants v and W
    more = 5 * 13 + 2 * (12 + 12 * 2)
    assert idle == {name: count + more for name, count in plain.items()}


@pytest.mark.parametrize("baseline", ["dense_active", "dense_total"])
def test_a_dense_twin_has_none(baseline):
    words = ["network=mlp", "dataset=toy_clusters", "experts.count=4", "experts.zero=2", "experts.constant=1", "k=3"]
    made = job.prepare([*words, f"baseline={baseline}"])
    network, _ = build_network_learner(made.config, (2,), 3, 0)
    experts = network.network.routed["block0"].experts
    assert (experts.count, experts.computing, experts.idle) == (1, 1, None)


def test_a_gate_that_reads_experts_runs_them_all():
    total, active = counts(mlp("gate=attentive", "k=1"))
    assert total == active
    parameters = network_parameter_counts(mlp("gate=attentive", "k=1"))
    assert parameters["parameters_total"] == parameters["parameters_active"]


def test_counting_changes_nothing():
    network = transformer("gate=noisy_top_k").eval()
    x_BD, before = torch.rand(3, 24), [layer.dispatcher for layer in network.routed.values()]
    expected = network(x_BD, noise_of(network)).log_probs_BC
    counts(network)
    assert [layer.dispatcher for layer in network.routed.values()] == before
    assert torch.equal(network(x_BD, noise_of(network)).log_probs_BC, expected)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


def test_products_of_either_kernel_are_counted():
    """Wide layers take another kernel, which is faster: the arithmetic is the same."""
    wide = 512
    total, active = counts(transformer(width=wide, heads=2, depth=1))
    rest = 6 * 4 * wide + 6 * (wide * 3 * wide + 2 * 6 * wide + wide * wide + wide * 5) + wide * 3
    expert = 6 * 2 * wide * 7
    assert (total, active) == (rest + 5 * expert, rest + 2 * expert)
