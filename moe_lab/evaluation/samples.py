"""Samples of a split, and what the trained mixture says of them."""

from collections.abc import Iterator

import torch
from torch import Tensor

from moe_lab.data.dataset import Split, batches
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture, Output


def spread(split: Split, most: int) -> Split:
    """At most ``most`` samples of a split, evenly spaced over its rows; always the same ones."""
    count = min(most, len(split))
    rows_M = torch.arange(count, device=split.y_N.device) * len(split) // max(count, 1)
    return Split(split.x_ND[rows_M], split.y_N[rows_M], split.index_N[rows_M])


def outputs(mixture: Mixture, split: Split, noise: Noise, training_batch: int) -> Iterator[tuple[Tensor, Output]]:
    """(y_B, output) of a split in its order."""
    for x_BD, y_B in batches(split, mixture.batch_dependent, training_batch):
        yield y_B, mixture(x_BD, noise)


def side_by_side(hidden_BEH: Tensor) -> Tensor:
    """[B, E H]: the last hidden layers of all experts after their ReLU."""
    return hidden_BEH.relu().flatten(-2)
