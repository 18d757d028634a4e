"""Scores without parameters: a hash of the input, and random numbers."""

from hashlib import blake2b
from typing import ClassVar

import torch
from torch import Tensor, nn

from moe_lab.layers.shapes import broadcast
from moe_lab.parts import ALWAYS, ExpertsOutput, Mode, Noise, Score, Sizes

#: rows of the table; samples with the same row have the same experts
BUCKETS = 2**14


class Hash(Score):
    """Fixed random scores of each input: z = table[blake2b(the input's bytes)], the table drawn from the seed.

    The 64-bit BLAKE2b of the sample's float32 values selects one of 16,384 rows of uniform random numbers, and the k
    largest there are the sample's experts, in training and at test. With data augmentation every variant of an image
    has its own row. The hash is taken on the CPU once a batch, whatever the number of runs in a stack (about 6
    microseconds for a sample of 784 values); each run has its own table on its device. No gradient.
    Source: Roller et al. 2021, Hash layers for large sparse models, arXiv:2106.04426 (random hash).
    """

    hashes_input: ClassVar[frozenset[Mode]] = ALWAYS

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.table_ME = nn.Buffer(torch.rand(BUCKETS, sizes.experts))

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        row_B1 = buckets(x_BD).unsqueeze(-1)
        lead = broadcast(row_B1.shape[:-2], self.table_ME.shape[:-2])
        row_BE = row_B1.expand(*lead, row_B1.shape[-2], self.table_ME.shape[-1])
        return self.table_ME.expand(*lead, -1, -1).gather(-2, row_BE)


class Random(Hash):
    """Random scores: drawn anew at every training step; at test fixed for each input, as with ``hash``.

    So all experts are trained on a sample, and evaluation gives the same numbers every time. In a network the hash is
    of the network's input for the row, since the row's features change in their last bits with the batch. No gradient.
    Source: Roller et al. 2021, Hash layers for large sparse models, arXiv:2106.04426, where it is a baseline.
    """

    hashes_input = frozenset({"evaluation"})

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        if not self.training:
            return super().forward(x_BD, experts, noise)
        lead = broadcast(x_BD.shape[:-2], self.table_ME.shape[:-2])
        return noise.uniform(self.table_ME.new_empty(*lead, x_BD.shape[-2], self.table_ME.shape[-1]))


def buckets(x_BD: Tensor) -> Tensor:
    """BLAKE2b of every sample's float32 values (8 bytes, little-endian) modulo the number of rows, [..., B]."""
    # adding zero makes the two zeros of floating point one
    rows_XD = (x_BD.detach().float() + 0.0).flatten(0, -2).cpu().numpy()
    digests = [int.from_bytes(blake2b(row.tobytes(), digest_size=8).digest(), "little") % BUCKETS for row in rows_XD]
    return torch.tensor(digests, device=x_BD.device).reshape(x_BD.shape[:-1])
