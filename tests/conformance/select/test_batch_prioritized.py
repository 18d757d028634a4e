"""arXiv:2106.05974: the samples of the largest p are served first, whatever their order in the batch."""

import torch

from moe_lab.parts.gates.select.capacity import BatchPrioritized
from moe_lab.parts.roles import Sizes

#: all want expert 0; p_0 rises with the sample's number
LOGITS = torch.tensor([[1.0, 0.0, -9.0], [2.0, 0.0, -9.0], [3.0, 0.0, -9.0]])


def test_the_surest_come_first(noise):
    part = BatchPrioritized(Sizes((2,), 4, 3, 1), capacity_factor=2.0, min_capacity=1)  # C = 2 * 3 / 3 = 2
    kept, extras = part.keep(LOGITS, part(LOGITS, noise), noise)
    assert kept[:, 0].tolist() == [False, True, True]
    assert extras["overflow_B"].tolist() == [1, 0, 0]


def test_of_equally_sure_ones_the_earlier(noise):
    part = BatchPrioritized(Sizes((2,), 4, 3, 1), capacity_factor=2.0, min_capacity=1)
    logits = LOGITS[:1].expand(3, 3)
    kept, _ = part.keep(logits, part(logits, noise), noise)
    assert kept[:, 0].tolist() == [True, True, False]


def test_permuting_the_batch_permutes_what_is_kept(draw, noise):
    part = BatchPrioritized(Sizes((2,), 4, 5, 2), capacity_factor=0.5, min_capacity=1)
    logits, order = draw(20, 5), torch.randperm(20, generator=torch.Generator().manual_seed(1))
    kept, _ = part.keep(logits, part(logits, noise), noise)
    permuted, _ = part.keep(logits[order], part(logits[order], noise), noise)
    assert torch.equal(permuted, kept[order]) and kept.sum() == 20  # C = ceil(.5 * 2 * 20 / 5) = 4, five full experts
