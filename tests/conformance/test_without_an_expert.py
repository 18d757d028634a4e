"""What every gate decides where one of its experts is not there."""

import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.routing.outputs import ExpertOutput
from tests.conformance.cases import case_of

#: where rows depend on their batch-mates, nothing can be said of one sample
GATES = [name for name in options("gate") if "evaluation" not in case_of("gate", name).batch_dependent]
GONE = 1
GONE_E = torch.arange(5) == GONE


@pytest.fixture
def decided(gate_of, draw, noise):
    """A gate in evaluation, what it decides of 7 samples, and what it decides without expert 1."""

    def make(name, k=None):
        gate = gate_of(name, k).eval()
        said = ExpertOutput(draw(7, 5, 4).log_softmax(-1), draw(7, 5, 6))
        routing = gate(draw(7, 12), said, noise)
        return gate, routing, gate.without(routing, GONE_E, noise)

    return make


@pytest.mark.parametrize("name", GATES)
def test_it_decides_again_among_the_others(decided, name):
    gate, routing, without = decided(name)
    assert (without.weights_BE[:, GONE] == 0).all() and not without.selected_BE[:, GONE].any()
    assert without.weights_BE.isfinite().all() and (without.weights_BE >= 0).all()
    if gate.traits.rows_sum_to_one:
        torch.testing.assert_close(without.weights_BE.sum(-1), torch.ones(7))
    if gate.traits.selects_k:
        assert (without.selected_BE.sum(-1) == min(gate.sizes.k, 4)).all()
    if without.log_weights_BE is not None:
        torch.testing.assert_close(without.log_weights_BE.exp(), without.weights_BE)
        assert not without.log_weights_BE.isnan().any()
    # the order of the others stays as it was
    others = [0, 2, 3, 4]
    kept = routing.selected_BE[:, others] & without.selected_BE[:, others]
    for before, after, both in zip(routing.weights_BE[:, others], without.weights_BE[:, others], kept, strict=True):
        assert (before[both].argsort() == after[both].argsort()).all()


@pytest.mark.parametrize("name", ["softmax", "attentive", "noisy_top_k"])
def test_all_others_are_weighed_by_the_softmax_of_their_logits(decided, name):
    _, routing, without = decided(name, 5)
    expected = routing.logits_BE[:, [0, 2, 3, 4]].softmax(-1)
    torch.testing.assert_close(without.weights_BE[:, [0, 2, 3, 4]], expected)


@pytest.mark.parametrize("name", ["top_k", "mixtral", "gshard_top2"])
def test_the_next_expert_takes_its_place(decided, name):
    """k = 2: softmax over the two largest of the other four logits."""
    _, routing, without = decided(name, 2)
    logits = routing.logits_BE[:, [0, 2, 3, 4]]
    best = logits.topk(2)
    expected = torch.zeros(7, 4).scatter(-1, best.indices, best.values.softmax(-1))
    torch.testing.assert_close(without.weights_BE[:, [0, 2, 3, 4]], expected)


def test_independent_experts_keep_their_weights(decided):
    for name in ("relu", "sigmoid", "hard_concrete"):
        _, routing, without = decided(name, 5)
        expected = routing.weights_BE.clone()
        expected[:, GONE] = 0
        assert torch.equal(without.weights_BE, expected), name


def test_even_weights_are_shared_among_those_that_are_left(decided):
    _, _, without = decided("uniform")
    torch.testing.assert_close(without.weights_BE, torch.tensor([0.25, 0, 0.25, 0.25, 0.25]).expand(7, 5))


def test_samples_that_the_expert_had_alone_are_shared_out(decided, noise):
    """The rule of dselect_k for selectors that point outside the experts."""
    gate, routing, _ = decided("dselect_k")
    alone = torch.full((7, 5), -torch.inf)
    alone[:, GONE] = 0
    one = type(routing)(alone.exp(), alone.exp(), alone == 0, alone)
    shared = gate.without(one, GONE_E, noise)
    torch.testing.assert_close(shared.weights_BE, torch.tensor([0.25, 0, 0.25, 0.25, 0.25]).expand(7, 5))


def test_a_selection_bias_brings_no_expert_back(gate_of, draw, noise):
    """b = (0, 9, 0, 0, 0): expert 1 would be among the two largest even without a score."""
    gate = gate_of("sigmoid", 2).eval()
    from moe_lab.parts.gates.select.biased_top_k import BiasedTopK

    gate.select = BiasedTopK(gate.sizes)
    gate.select.selection_bias_1E[0, GONE] = 9
    routing = gate(draw(7, 12), None, noise)
    assert routing.selected_BE[:, GONE].all()
    without = gate.without(routing, GONE_E, noise)
    assert (without.selected_BE.sum(-1) == 2).all() and not without.selected_BE[:, GONE].any()
