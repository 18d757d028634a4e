import math

import pytest
import torch

from moe_lab.layers.noise import Noise
from moe_lab.parts.objectives.matching_pursuit import MatchingPursuit
from moe_lab.parts.roles import Step
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, MixtureOutput
from tests.conformance.cases import Case

CASE = Case(needs=["gate=matching_pursuit"], dense=True)


def loss(sizes, k, logits, log_probs, y):
    output = MixtureOutput(Routing(None, None, None, None, logits), ExpertOutput(log_probs, None), None)
    step = Step(None, y, output, output.routing, torch.nn.Identity(), torch.nn.Identity(), Noise([]))
    return MatchingPursuit(sizes(k=k))(step)


def test_by_hand(sizes):
    """P(y) = (.5, .1, .3): picks 0 and 2; -log((.5 + .3) / 2) and three yes-or-no cross entropies."""
    probs = torch.tensor([[[0.5, 0.5], [0.1, 0.9], [0.3, 0.7]]])
    logits = torch.tensor([[0.0, math.log(3), math.log(3)]])
    # sigmoid: 1/2, 3/4, 3/4; picked, not, picked
    expected = -math.log(0.4) - math.log(1 / 2) - math.log(1 / 4) - math.log(3 / 4)
    torch.testing.assert_close(loss(sizes, 2, logits, probs.log(), torch.tensor([0])), torch.tensor([expected]))


def greedy(probs_E, k):
    """As it is said: k times the expert that makes the mean over the picks largest."""
    picks = []
    for _ in range(k):
        rest = [e for e in range(len(probs_E)) if e not in picks]
        picks.append(max(rest, key=lambda e: (math.log(sum(probs_E[i] for i in [*picks, e]) / (len(picks) + 1)), -e)))
    return picks


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_picks_are_the_greedy_ones(sizes, draw, k):
    log_probs, y = draw(50, 5, 4).log_softmax(-1).requires_grad_(), torch.arange(50) % 4
    loss(sizes, k, torch.zeros(50, 5), log_probs, y).sum().backward()
    learning = log_probs.grad.abs().sum(-1) > 0
    for i in range(50):
        picks = greedy(log_probs[i, :, y[i]].exp().tolist(), k)
        assert learning[i].nonzero().flatten().tolist() == sorted(picks)


def test_experts_and_gate_learn_apart(learner_of, draw, noise):
    """The experts' gradient is that of the first term, the gate's of the second."""
    learner = learner_of("gate=matching_pursuit")
    x, y = draw(7, 12), torch.arange(7) % 4
    mixture = learner.mixture
    output = mixture(x, noise)
    logits = output.routing.logits_BE
    value = learner.objective(mixture.step(x, y, output, noise)).sum()
    [got] = torch.autograd.grad(value, logits, retain_graph=True)
    likelihood = output.experts.log_likelihood_BE(y)
    picked = torch.zeros(7, 5).scatter(-1, likelihood.topk(2).indices, 1.0)
    torch.testing.assert_close(got, logits.sigmoid() - picked)


def test_equal_experts_give_the_lower_index(sizes):
    log_probs = torch.zeros(1, 3, 4).log_softmax(-1).requires_grad_()
    loss(sizes, 1, torch.zeros(1, 3), log_probs, torch.tensor([2])).backward()
    assert (log_probs.grad[0].abs().sum(-1) > 0).tolist() == [True, False, False]
