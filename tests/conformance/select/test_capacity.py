"""Capacity: C = max(least, ceil(factor k N / E)), first choices before second ones, and what is dropped is counted."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.parts.gates.select.capacity import Capacity
from moe_lab.parts.roles import Sizes
from moe_lab.routing.choice import capacity, places

#: four samples, all of whom want expert 0 most and expert 1 or 2 next
LOGITS = torch.tensor([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [3.0, 2.0, 1.0], [1.0, 3.0, 2.0]])


def select(k=2, **options) -> Capacity:
    return Capacity(Sizes((2,), 4, 3, k), **{"min_capacity": 1, **options})


def test_capacity_by_hand():
    # 1.25 * 2 * 128 / 5 = 64; 1.2 * 10 / 3 = 4 exactly, though 1.2 * 10 / 3 > 4 where factors are rounded
    assert capacity(1.25, 2, 128, 5, least=4) == 64
    assert capacity(1.2, 1, 10, 3, least=1) == 4
    assert capacity(1.0, 1, 7, 5, least=1) == 2
    assert capacity(1.0, 1, 7, 5, least=4) == 4


def test_who_comes_first_is_kept(noise):
    # factor 0.75: C = ceil(.75 * 2 * 4 / 3) = 2. Expert 0: samples 0, 1 as first choice, 2 is out. Expert 1: sample 3
    # as first choice, then sample 0 as second, 2 is out. Expert 2: samples 1 and 3
    part = select(capacity_factor=0.75)
    chosen = part(LOGITS, noise)
    kept, extras = part.keep(LOGITS, chosen, noise)
    assert chosen.int().tolist() == [[1, 1, 0], [1, 0, 1], [1, 1, 0], [0, 1, 1]]
    assert kept.int().tolist() == [[1, 1, 0], [1, 0, 1], [0, 0, 0], [0, 1, 1]]
    assert extras["overflow_B"].tolist() == [0, 0, 1, 0] and torch.equal(extras["chosen_BE"], chosen)


def test_first_choices_come_before_second_choices(noise):
    # expert 1 is second choice of sample 0 and first of sample 1; with room for one, sample 1 gets it
    logits = torch.tensor([[2.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    part = select(capacity_factor=0.5)
    kept, _ = part.keep(logits, part(logits, noise), noise)
    assert kept.int().tolist() == [[1, 0, 0], [0, 1, 1]]


def test_none_at_evaluation_unless_asked_for(noise):
    for part, dropped in ((select(), 0), (select(capacity_factor=9, evaluation_factor=0.75), 1)):
        _, extras = part.eval().keep(LOGITS, part(LOGITS, noise), noise)
        assert extras["overflow_B"].sum() == dropped
    assert select().batch_dependent == {"training"}
    assert select(evaluation_factor=1.0).batch_dependent == {"training", "evaluation"}


def test_what_stays_keeps_its_weight(learner_of, draw, noise):
    mixture = learner_of("gate=top_k", "gate/select=capacity", "gate.select.min_capacity=1").mixture
    x = draw(1, 12).expand(20, 12)  # all alike: C = ceil(1.25 * 2 * 20 / 5) = 10, so the first ten get both experts
    output = mixture(x, noise)
    sums = output.routing.weights_BE.sum(-1)
    torch.testing.assert_close(sums, torch.tensor([1.0] * 10 + [0.0] * 10))
    torch.testing.assert_close(output.log_probs_BC[10:].exp(), torch.full((10, 4), 0.25))
    assert output.routing.extras["overflow_B"].tolist() == [0] * 10 + [1] * 10


@given(st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**31))
@settings(deadline=None, max_examples=50)
def test_places_are_queues(samples, k, seed):
    """Against a loop: for each rank, for each sample in turn, the next free place of the expert."""
    source = torch.Generator().manual_seed(seed)
    scores = torch.randn(samples, 5, generator=source)
    turn = torch.randperm(samples, generator=source)
    best = scores.argsort(-1, descending=True)[:, :k]
    chosen = torch.zeros_like(scores, dtype=torch.bool).scatter(-1, best, True)
    place, taken = places(chosen, scores, turn.unsqueeze(-1)), [0] * 5
    for rank in range(k):
        for sample in turn.argsort().tolist():
            expert = best[sample, rank]
            assert place[sample, expert] == taken[expert]
            taken[expert] += 1


@pytest.mark.parametrize("name", ["capacity", "batch_prioritized", "gshard"])
def test_the_three_share_their_options(learner_of, name):
    gate = learner_of("gate=top_k", f"gate/select={name}").mixture.gate
    assert (
        gate.traits.extras == {"chosen_BE", "overflow_B"}
        and not gate.traits.selects_k
        and not gate.traits.rows_sum_to_one
    )
