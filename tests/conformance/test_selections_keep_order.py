"""Every selection compares what keeps order, for logits up to 1e4: p and sigmoid(z) are exactly one, or zero, long
before. The oracles compute p to 300 digits more than exp(-2 scale) has zeros (8,686 of them if the scale is 1e4), or
the whole plan in float64."""

from functools import cache
from itertools import pairwise

import mpmath
import numpy as np
import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.experiment.building import build_learner
from moe_lab.parts.gates.select.biased_top_k import BiasedTopK
from moe_lab.parts.gates.select.capacity import BatchPrioritized
from moe_lab.parts.gates.select.expert_choice import ExpertChoice
from moe_lab.parts.gates.select.sinkhorn import log_plan
from moe_lab.parts.roles import Sizes
from moe_lab.routing.choice import k_largest, log_odds
from tests.composing import composed
from tests.conformance.cases import case_of

SCALES = [1.0, 20.0, 1e2, 1e3, 1e4]
SAMPLES, EXPERTS = 12, 6
CASES = {name: case_of("gate/select", name) for name in options("gate/select")}
#: selections whose choice at test is that of the k largest logits, and k
BY_LOGIT = [(name, k) for name, case in CASES.items() if case.by_logit for k in case.k]


@cache
def selection(name, k, experts):
    words = ["gate=top_k", f"gate/select={name}", "gate.weigh.over=all", f"k={k}", f"experts.count={experts}"]
    return build_learner(composed(*words), (2,), 4, 0).mixture.gate.select


def logits_of(scale):
    """Wholly positive, wholly negative and mixed rows, whose sizes reach ``scale``: all distinct."""
    source = np.random.default_rng(0)
    rows = source.uniform(-1, 1, (SAMPLES, EXPERTS))
    rows[::3], rows[1::3] = np.abs(rows[::3]), -np.abs(rows[1::3])
    return torch.from_numpy(rows * scale).float()


@cache
def exact_odds(scale):
    """p / (1 - p) of the softmax over the experts of every sample: they rise with p."""
    with mpmath.workdps(300 + round(2 * scale / np.log(10))):
        powers = [[mpmath.exp(mpmath.mpf(z)) for z in row] for row in logits_of(scale).double().tolist()]
        return [[row[e] / sum(row[:e] + row[e + 1 :]) for e in range(EXPERTS)] for row in powers]


def largest(values, count):
    """Indices of the ``count`` largest; of equal ones the earlier."""
    return sorted(sorted(range(len(values)), key=lambda one: (-values[one], one))[:count])


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("name", "k"), BY_LOGIT)
def test_at_test_the_k_largest_logits_are_selected(name, k, scale, noise):
    select = selection(name, k, EXPERTS).eval()
    logits = logits_of(scale)
    chosen = select(logits, noise)
    assert [row.nonzero().flatten().tolist() for row in chosen] == [largest(row, k) for row in logits.tolist()]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("experts", [3, 12])  # with k = 2 sorted, and picked one by one
@pytest.mark.parametrize("score", ["sigmoid", "softmax"])
def test_scores_that_round_to_one_or_zero_still_differ(score, experts, scale, noise):
    part = BiasedTopK(Sizes((2,), 4, experts, 2), score=score)
    for sign in (1, -1):
        logits = sign * torch.linspace(0.5, 1, experts).mul(scale).flip(0).roll(1).unsqueeze(0)
        assert part(logits, noise)[0].nonzero().flatten().tolist() == largest(logits[0].tolist(), 2)


def test_the_biased_example_by_hand(noise):
    # sigmoid is exactly 1 in float32 for all but the last: of equal sums the larger logits, 19 and 17.5
    logits = torch.tensor([[17.0, 17.5, 19.0, 16.0]])
    assert (logits.sigmoid() == 1).sum() == 3
    part = BiasedTopK(Sizes((2,), 4, 4, 2))
    assert part(logits, noise).tolist() == [[False, True, True, False]]
    # a bias still decides: 1 + .01 is more than 1, whatever the logits
    part.selection_bias_1E.copy_(torch.tensor([[0.01, 0.0, 0.0, 0.0]]))
    assert part(logits, noise).tolist() == [[True, False, True, False]]
    # equal sums and equal logits: the lower index
    assert k_largest(torch.zeros(1, 9), 2, torch.zeros(1, 9))[0].nonzero().flatten().tolist() == [0, 1]
    # an expert that is not there is never taken before one that is
    gone = torch.tensor([[-200.0, -torch.inf, -300.0, -250.0]])
    assert part(gone, noise).tolist() == [[True, False, False, True]]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("k", [1, 3])
def test_experts_choose_by_the_exact_p(k, scale):
    logits = logits_of(scale)
    chosen = ExpertChoice(Sizes((2,), 4, EXPERTS, k))(logits, None)
    exact = exact_odds(scale)
    for expert in range(EXPERTS):
        by_p = largest([row[expert] for row in exact], round(k * SAMPLES / EXPERTS))
        assert chosen[:, expert].nonzero().flatten().tolist() == by_p


def test_experts_choose_among_sure_samples():
    # p_0 is 1 - 1e-9, 1 - 1e-13, 1 - 1e-22 and 1 - 1e-18: one for float32; C = 1 * 4 / 2 = 2
    logits = torch.tensor([[20.0, 0.0], [30.0, 0.0], [50.0, 0.0], [40.0, 0.0]])
    chosen = ExpertChoice(Sizes((2,), 4, 2, 1))(logits, None)
    assert chosen.tolist() == [[False, True], [False, True], [True, False], [True, False]]


@pytest.mark.parametrize("scale", SCALES)
def test_the_surest_are_served_first_by_the_exact_p(scale):
    logits = logits_of(scale)
    sureness = [max(row) for row in exact_odds(scale)]
    turns = BatchPrioritized(Sizes((2,), 4, EXPERTS, 1)).turn(logits).flatten().tolist()
    served = [turns.index(turn) for turn in range(SAMPLES)]
    assert all(sureness[before] >= sureness[after] for before, after in pairwise(served))
    assert sorted(turns) == list(range(SAMPLES))


@pytest.mark.parametrize("scale", SCALES)
def test_log_odds_are_those_of_the_exact_p(scale):
    exact = [[float(mpmath.log(odds)) for odds in row] for row in exact_odds(scale)]
    torch.testing.assert_close(log_odds(logits_of(scale)), torch.tensor(exact), rtol=2e-6, atol=2e-6)


def test_log_odds_at_the_edges():
    assert log_odds(torch.tensor([[3.0]])).tolist() == [[float("inf")]]  # one expert has p = 1
    assert log_odds(torch.zeros(1, 2)).tolist() == [[0.0, 0.0]]
    assert log_odds(torch.tensor([[0.0, 0.0, -torch.inf]])).tolist() == [[0.0, 0.0, -float("inf")]]


@pytest.mark.parametrize("scale", SCALES)
def test_the_transport_plan_is_that_of_float64(scale):
    """u and v are added, never multiplied, so what rounding moves is a few ulps of the logits' size."""
    logits = logits_of(scale)
    torch.testing.assert_close(
        log_plan(logits, 20).double(), log_plan(logits.double(), 20), rtol=0, atol=2e-6 * scale + 2e-6
    )


@pytest.mark.parametrize("scale", SCALES)
def test_a_balanced_assignment_has_the_sum_of_float64(scale, noise):
    """Brute force over all ways to seat four samples at two experts, two each."""
    logits = logits_of(scale)[:4, :2]
    select = selection("base", 1, 2).train()
    seats = [{0, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}, {2, 3}]
    sums = {tuple(sorted(first)): sum(logits[n, int(n not in first)].double() for n in range(4)) for first in seats}
    assert tuple(select(logits, noise)[:, 0].nonzero().flatten().tolist()) == max(sums, key=sums.get)
