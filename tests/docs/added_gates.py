"""Files of new gates, as text: a step of a gate, a gate of existing steps, and a gate that is one class."""

SCORE = '''"""Distance scores."""

import torch
from torch import Tensor, nn

from moe_lab.parts import Noise, Score, Sizes


class Distance(Score):
    """z_e = -|x - m_e|^2 / (2 D): the nearer to its centre m_e, the larger.

    Source: Xu, Jordan and Hinton 1995, An alternative model for mixtures of experts.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.m_ED = nn.Parameter(torch.empty(sizes.experts, sizes.features).normal_())

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Tensor:
        apart_BED = x_BD.unsqueeze(-2) - self.m_ED.unsqueeze(-3)
        return -apart_BED.square().mean(-1) / 2
'''
SCORE_TEST = """import torch

from moe_lab.parts.gates.score.distance import Distance


def test_scores_are_squared_distances(sizes, draw, noise):
    score, x = Distance(sizes()), draw(7, 12)
    torch.testing.assert_close(score(x, None, noise), -torch.cdist(x, score.m_ED).square() / 24)
"""
NAMED = """# Cosine scores, and the one largest.
# Source: moe-lab.
defaults:
  - score: cosine
  - select: top_k
  - weigh: softmax
  - _self_

_target_: moe_lab.parts.gates.composed.ComposedGate
k: 1
# probabilities, logits; null: what fits the gate and k
combine: null
"""
NAMED_TEST = """import torch

from tests.conformance.cases import GateCase

CASE = GateCase(grows=True)


def test_one_expert_of_the_largest_cosine(gate_of, draw, noise):
    routing = gate_of("nearest")(draw(7, 12), None, noise)
    assert torch.equal(routing.selected_BE.int().argmax(-1), routing.logits_BE.argmax(-1))
    assert (routing.selected_BE.sum(-1) == 1).all()
"""
#: two traits that no other gate has: rows depend on their batch-mates in evaluation alone, and weights that do not sum
#: to one come without logits
ODD = '''"""Experts whose share is above their mean share."""

from torch import Tensor
from torch.nn import functional

from moe_lab.parts import Combine, ExpertsOutput, Gate, Linear, Noise, Routing, Share, Sizes, Traits, hyper


class AboveMean(Gate):
    """s_e = sigmoid(x W + b) where it is above a threshold: in training a fixed one, at test the mean of the batch.

    The extra ``margin_BE`` is s less the threshold; probs are s with rows divided by their sums.
    Source: moe-lab.

    threshold: the threshold in training.
    k:         null; every expert.
    combine:   "logits"; null: resolved when the config is composed.
    """

    traits = Traits(
        rows_sum_to_one=False,
        active="learned",
        k="every",
        gives_logits=False,
        extras=frozenset({"margin_BE"}),
        batch_dependent=frozenset({"evaluation"}),
    )

    def __init__(
        self, sizes: Sizes, *, threshold: Share = 0.4, k: None = None, combine: Combine | None = None
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.linear = Linear(sizes.features, sizes.experts)
        self.threshold_11 = hyper(threshold, axes=2)

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        z_BE = self.linear(x_BD)
        share_BE = z_BE.sigmoid()
        margin_BE = share_BE - (self.threshold_11 if self.training else share_BE.mean(-2, keepdim=True))
        weights_BE = share_BE * (margin_BE > 0)
        probs_BE = functional.logsigmoid(z_BE).softmax(-1)
        return Routing(probs_BE, weights_BE, weights_BE > 0, extras={"margin_BE": margin_BE})
'''
ODD_YAML = """_target_: moe_lab.parts.gates.above_mean.AboveMean
# the threshold in training
threshold: 0.4
# every expert
k: null
# logits; null: what fits the gate and k
combine: null
"""
ODD_TEST = """import math

import torch

from moe_lab.parts.gates.above_mean import AboveMean
from tests.conformance.cases import GateCase

CASE = GateCase(
    k=[5],
    selects_k=False,
    mixes="never",
    batch_dependent={"evaluation"},
    steps=False,
    signed=[],  # it has no logits
    forms=[["gate.threshold=0.3"]],
    numbers=["gate.threshold=0.3"],
)


def test_two_samples_by_hand(sizes, noise):
    # sigmoid(ln 3) = 3/4, sigmoid(-ln 3) = 1/4, sigmoid(0) = 1/2; means at test 1/2 and 1/2
    gate = AboveMean(sizes(shape=(1,), experts=2, k=2))
    gate.linear.weight_IO.data = torch.tensor([[math.log(3), 0.0]])
    gate.linear.bias_1O.data.zero_()
    x = torch.tensor([[1.0], [-1.0]])
    torch.testing.assert_close(gate(x, None, noise).weights_BE, torch.tensor([[0.75, 0.5], [0.0, 0.5]]))
    routing = gate.eval()(x, None, noise)
    torch.testing.assert_close(routing.weights_BE, torch.tensor([[0.75, 0.0], [0.0, 0.0]]))
    torch.testing.assert_close(routing.extras["margin_BE"], torch.tensor([[0.25, 0.0], [-0.25, 0.0]]))
    torch.testing.assert_close(routing.probs_BE, torch.tensor([[0.6, 0.4], [1 / 3, 2 / 3]]))
"""
