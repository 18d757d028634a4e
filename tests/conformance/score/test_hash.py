"""arXiv:2106.04426: who gets a sample is decided by its bytes and the seed, and by nothing else."""

from hashlib import blake2b

import pytest
import torch

from moe_lab.layers.noise import seeded
from moe_lab.layers.stacking import stack
from moe_lab.parts.gates.score.hash import BUCKETS, Hash, buckets


def score_of(sizes, seed):
    with seeded(seed, "gate"):
        return Hash(sizes)


def test_the_row_is_blake2b_of_the_bytes(draw):
    x = draw(7, 12)
    for b in range(7):
        digest = blake2b(x[b].numpy().astype("<f4").tobytes(), digest_size=8).digest()
        assert buckets(x)[b].item() == int.from_bytes(digest, "little") % BUCKETS


def test_equal_inputs_go_the_same_way_whatever_is_around_them(sizes, draw, noise):
    score, x = score_of(sizes(), 0), draw(7, 12)
    scores = score(x, None, noise)
    order = torch.tensor([6, 2, 0, 5, 1, 3, 4])
    assert torch.equal(score(x[order], None, noise), scores[order])
    assert torch.equal(score.eval()(x[:1], None, noise), scores[:1])
    assert not torch.equal(score(x + 1e-3, None, noise), scores)


def test_zero_has_one_sign():
    assert torch.equal(buckets(torch.zeros(1, 3)), buckets(-torch.zeros(1, 3)))


def test_the_seed_decides_the_table(sizes, draw, noise):
    x = draw(7, 12)
    same, other = (score_of(sizes(), seed)(x, None, noise) for seed in (0, 1))
    assert torch.equal(score_of(sizes(), 0)(x, None, noise), same) and not torch.equal(same, other)


@pytest.mark.parametrize("k", [1, 2])
def test_loads_are_even(sizes, draw, noise, k):
    """20,000 inputs: every expert is among the k best of k/5 of them, give or take four standard deviations."""
    chosen = score_of(sizes(), 0)(draw(20_000, 12), None, noise).argsort(-1)[:, :k]
    loads = chosen.flatten().bincount(minlength=5) / 20_000
    assert (loads - k / 5).abs().max() < 4 * (0.2 / 16_384) ** 0.5 * k + 4 * (0.2 / 20_000) ** 0.5


def test_runs_of_a_stack_share_the_hash_and_have_their_own_tables(sizes, draw, noise):
    solos, x = [score_of(sizes(), seed) for seed in range(3)], draw(7, 12)
    together = stack(solos)(x, None, noise)
    assert together.shape == (3, 7, 5)
    for run, solo in enumerate(solos):
        assert torch.equal(together[run], solo(x, None, noise))
