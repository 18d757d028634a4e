"""arXiv:2208.02813's code: the expert of the largest noisy score, weighted by that score."""

import torch

from moe_lab.parts.checks import combine_rule
from tests.conformance.cases import GateCase

#: without noise all scores are zero at the start, so that at test no sample has an expert yet
CASE = GateCase(
    selects_k=False,
    mixes="never",
    draws=True,
    grows=True,
    signed=("training",),
    forms=[["gate.score.noise_at_test=true"]],
)


def test_one_expert_by_its_noisy_score(gate_of, draw, noise):
    gate, x = gate_of("chen2022"), draw(60, 12)
    gate.score.head.weight_IO.data.copy_(draw(4, 5))
    assert combine_rule(gate) == "logits"
    routing = gate(x, None, noise)
    top = routing.logits_BE.max(-1)
    expected = torch.zeros(60, 5).scatter(-1, top.indices[:, None], top.values[:, None].clamp(min=0))
    torch.testing.assert_close(routing.weights_BE, expected)


def test_at_the_start_the_noise_alone_decides(gate_of, noise):
    """All experts alike: of 5,000 samples each gets 1,000, sd 28."""
    counts = gate_of("chen2022")(torch.zeros(5000, 12), None, noise).selected_BE.sum(0)
    assert counts.sum() == 5000 and (counts - 1000).abs().max() < 5 * 28.3
