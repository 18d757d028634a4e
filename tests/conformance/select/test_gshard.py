"""arXiv:2006.16668, algorithm 1: the second expert at random, by its renormalized weight."""

import pytest
import torch
from mixture_of_experts.mixture_of_experts import Top2Gating

from moe_lab.parts.gates.select.capacity import GShard
from moe_lab.parts.roles import Sizes

SIZES = Sizes((2,), 4, 5, 2)


class Torchs:
    """Random numbers from torch's own generator, as the oracle draws them."""

    def uniform(self, like):
        return torch.zeros_like(like.squeeze(-1)).uniform_(0, 1).unsqueeze(-1)


@pytest.mark.parametrize(("second", "always"), [("paper", 0.5), ("mesh", 0.2)])
@pytest.mark.parametrize("g2", [0.02, 0.15, 0.3, 0.5])
def test_the_second_is_kept_with_its_probability(noise, second, always, g2):
    """Monte Carlo: 40,000 samples; paper 2 g2, mesh-tensorflow min(1, g2 / 0.2)."""
    part = GShard(SIZES, second=second, capacity_factor=100.0)
    # p2 / (p1 + p2) = g2, whatever the third has
    logits = torch.tensor([[1 - g2, g2, 1e-3, 1e-4, 1e-5]]).log().expand(40_000, 5)
    kept, extras = part.keep(logits, part(logits, noise), noise)
    assert kept[:, 0].all() and not kept[:, 2:].any() and extras["overflow_B"].sum() == 0
    assert kept[:, 1].float().mean().item() == pytest.approx(min(1, g2 / always), abs=0.01)


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.0])
def test_as_mesh_tensorflow_has_it(draw, factor):
    """An independent implementation with the same draws: who is kept, and with which weight."""
    part, logits = GShard(SIZES, second="mesh", capacity_factor=factor), draw(40, 5) * 2
    oracle = Top2Gating(5, 5, capacity_factor_train=2 * factor)  # counts samples, not samples times two
    oracle.w_gating.data = torch.eye(5)
    torch.manual_seed(4)
    _, combine, _ = oracle(logits.unsqueeze(0))
    torch.manual_seed(4)
    kept, _ = part.keep(logits, part(logits, None), Torchs())
    first_two = logits.masked_fill(~part(logits, None), -torch.inf).softmax(-1)
    torch.testing.assert_close(first_two * kept, combine[0].sum(-1).detach())


def test_in_the_paper_one_that_is_not_kept_takes_its_place_all_the_same():
    """Two samples with the second choice 1, room for one: the first draw leaves the first sample out."""

    class Draws:
        def uniform(self, like):
            return torch.tensor([[0.9], [0.1]])

    # g2 = .2 for both: 2 g2 = .4 and g2 / .2 = 1; mesh with g2 = .1: .5
    paper = torch.tensor([[0.8, 0.2, 1e-9], [1e-9, 0.2, 0.8]]).log()
    mesh = torch.tensor([[0.9, 0.1, 1e-9], [1e-9, 0.1, 0.9]]).log()
    for second, logits, second_of_last in (("paper", paper, False), ("mesh", mesh, True)):
        # C = ceil(.75 * 2 * 2 / 3) = 1
        part = GShard(Sizes((2,), 4, 3, 2), second=second, capacity_factor=0.75, min_capacity=1)
        kept, extras = part.keep(logits, part(logits, None), Draws())
        assert kept.tolist() == [[True, False, False], [False, second_of_last, True]]
        # what chance leaves out is not counted as overflow
        assert extras["overflow_B"].tolist() == [0, 0 if second_of_last else 0.5]


def test_evaluation_keeps_both(draw, noise):
    """Peers' versions drop the second at random in evaluation too: 11 of 64 rows differed between two calls."""
    part, logits = GShard(SIZES).eval(), draw(64, 5) * 4
    kept, _ = part.keep(logits, part(logits, noise), noise)
    assert (kept.sum(-1) == 2).all() and part.batch_dependent == {"training"}


def test_the_two_largest_whatever_their_order(draw, noise):
    """A peer took column 0 of an unsorted top-k for the first expert."""
    part, logits = GShard(SIZES, capacity_factor=100.0), draw(500, 5)
    kept, _ = part.keep(logits, part(logits, noise), noise)
    assert kept.gather(-1, logits.argmax(-1, keepdim=True)).all()
