"""The samples of each batch: the order of an epoch, drawn from the run's seed, and the random augmentation of
inputs."""

from collections.abc import Sequence

import torch
from torch import Tensor

from moe_lab.data.dataset import Data
from moe_lab.layers.noise import Noise, derived_seed, generator


class Order:
    """The batches of the training split, epoch by epoch.

    ``seeds`` has the seed of the order of every run. Runs with equal seeds share their minibatches: x_BD and, because
    every run has its own losses, y_RB. Runs with different seeds have separate batches, x_RBD. A single run has no axis
    R.
    """

    def __init__(self, data: Data, seeds: Sequence[int], batch_size: int) -> None:
        self._data = data
        self._seeds = list(dict.fromkeys(seeds))
        self._runs = len(seeds)
        self._row_R = torch.tensor([self._seeds.index(seed) for seed in seeds])
        self._size = batch_size
        runs = range(self._runs) if self._has_own_batches else range(1)
        self.noise = Noise([self._generator(run, 0) for run in runs], stacked=self._has_own_batches)
        self.begin(0)

    def begin(self, epoch: int, row_M: Tensor | None = None) -> None:
        """Start an epoch; ``row_M`` are its samples of the training split (on the CPU), None: all."""
        self._epoch = epoch
        self._row_M = row_M
        self._order: Tensor | None = None
        self.noise.reseed([self._seed(run, epoch) for run in range(len(self.noise.generators))])

    def batch(self, number: int) -> tuple[Tensor, Tensor]:
        """Inputs and labels of batch ``number`` of the epoch."""
        index_B = self.index(number)
        x_BD, y_B = (rows(one, index_B) for one in (self._data.train.x_ND, self._data.train.y_N))
        if self._data.augment is not None:
            x_BD = self._data.augment(x_BD, self.noise)
        shared = self._runs > 1 and not self._has_own_batches
        return x_BD, y_B.expand(self._runs, *y_B.shape) if shared else y_B

    def index(self, number: int) -> Tensor:
        """The samples of batch ``number`` of the epoch, by their index in the training split: [B], or [R, B]."""
        if self._order is None:
            self._order = self._drawn()
        return self._order[..., number * self._size : (number + 1) * self._size]

    def noise_of_run(self, run: int) -> Noise:
        """The noise that the run would have alone, in its state at the start of the epoch."""
        return Noise([self._generator(run, self._epoch)])

    def _generator(self, run: int, epoch: int) -> torch.Generator:
        return torch.Generator(self._data.train.x_ND.device).manual_seed(self._seed(run, epoch))

    def _seed(self, run: int, epoch: int) -> int:
        return derived_seed(self._seeds[self._row_R[run]], f"augment/{epoch}")

    @property
    def _has_own_batches(self) -> bool:
        return len(self._seeds) > 1

    def _drawn(self) -> Tensor:
        """The samples of the epoch in their order, [N], or [R, N] if the runs' seeds differ."""
        device = self._data.train.x_ND.device
        count = len(self._data.train if self._row_M is None else self._row_M)
        orders = [torch.randperm(count, generator=generator(seed, f"order/{self._epoch}")) for seed in self._seeds]
        if self._row_M is not None:
            orders = [self._row_M[order_M] for order_M in orders]
        return (torch.stack(orders)[self._row_R] if self._has_own_batches else orders[0]).to(device)


def rows(from_N: Tensor, index_B: Tensor) -> Tensor:
    """from_N[index_B], several times faster on a CPU."""
    return from_N.index_select(0, index_B.flatten()).unflatten(0, index_B.shape)
