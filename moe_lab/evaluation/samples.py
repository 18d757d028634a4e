"""Samples of a split, and the trained mixture's outputs for them."""

import math
from collections.abc import Iterator

from torch import Tensor

from moe_lab.data.dataset import Split, batches
from moe_lab.errors import given
from moe_lab.layers.noise import Noise
from moe_lab.mixture.mixture import Mixture, Output

#: most numbers of hidden layers that are held at a time
MOST_FEATURES = 2**27


def outputs(mixture: Mixture, split: Split, noise: Noise, training_batch: int) -> Iterator[tuple[Tensor, Output]]:
    """(y_B, output) for each batch of a split, in its order."""
    for x_BD, y_B in batches(split, mixture.batch_dependent, training_batch, mixture.numbers):
        yield y_B, mixture(x_BD, noise)


def features_fit(mixture: Mixture, samples: int) -> bool:
    """Whether experts have a last hidden layer, and those of all for these samples are not too many to be held."""
    return samples * mixture.experts.count * (mixture.experts.hidden_features or math.inf) <= MOST_FEATURES


def features(mixture: Mixture, split: Split, noise: Noise, training_batch: int) -> Iterator[Tensor]:
    """The experts' last hidden layers before their ReLU, [B, E, H], of a split in its order; only for experts that have
    one. Predictions are not computed if a network has a ``body`` that gives the features without them."""
    body = None if mixture.gate.traits.makes_slots else getattr(mixture.experts.bank, "body", None)
    for x_BD, _ in batches(split, mixture.batch_dependent, training_batch, mixture.numbers):
        if body is None:
            yield given(mixture.decide(x_BD, noise)[1].hidden_BEH, "hidden_BEH")
        else:
            yield body(x_BD.unsqueeze(-3)).transpose(-3, -2)


class Columns:
    """Columns of N rows, filled batch by batch in order. Each column is allocated once, at the first batch: joining
    parts at the end would take twice the memory, and parts kept between large temporary tensors would fragment it."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._filled = 0
        self.columns: dict[str, Tensor] = {}

    def add(self, batch: dict[str, Tensor]) -> None:
        """Append the rows of a batch; all batches have the same columns."""
        end = self._filled
        for name, part in batch.items():
            if name not in self.columns:
                self.columns[name] = part.new_empty(self._rows, *part.shape[1:])
            end = self._filled + len(part)
            self.columns[name][self._filled : end] = part
        self._filled = end


def side_by_side(hidden_BEH: Tensor) -> Tensor:
    """[B, E H]: the last hidden layers of all experts after their ReLU."""
    return hidden_BEH.relu().flatten(-2)
