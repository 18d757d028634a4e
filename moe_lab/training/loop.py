"""The training loop of one run: no Python loop over samples or experts, no worker processes, state that can be resumed
to the bit."""

import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from moe_lab.data.dataset import Data, Split
from moe_lab.mixture import Learner
from moe_lab.noise import Noise, generator
from moe_lab.parts import Step
from moe_lab.training.optimizers import learning_rate, make_optimizer, set_learning_rate
from moe_lab.training.options import Trainer
from moe_lab.training.tally import Tally, normalized
from moe_lab.training.watch import Diverged, PauseAsked, Watch

#: samples a batch where nothing is learned; small enough to stay in cache with many experts
EVALUATION_BATCH = 1024


@dataclass(frozen=True)
class Seeds:
    """init: parameters; order: the order of samples; noise: everything drawn during training."""

    init: int
    order: int
    noise: int


@dataclass
class State:
    """Where a run is: ``epoch`` and ``batch`` are the next to do; rows and assignments of the finished epochs."""

    epoch: int = 0
    batch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    timing: list[dict[str, Any]] = field(default_factory=list)
    assignments: list[Tensor] = field(default_factory=list)


class Loop:
    """Trains a learner on a split, an epoch at a time.

    ``epoch()`` does one epoch and returns its row of history; ``state_dict()`` and ``load_state_dict()`` keep and
    restore everything, also in the middle of an epoch.
    """

    def __init__(
        self, learner: Learner, data: Data, trainer: Trainer, seeds: Seeds, watch: Watch, pause_asked: PauseAsked
    ) -> None:
        self.learner = learner
        self.state = State()
        self._data = data
        self._trainer = trainer
        self._seeds = seeds
        self._watch = watch
        self._pause_asked = pause_asked
        self._device = data.train.x_ND.device
        self._optimizer = make_optimizer(trainer, learner.parameters())
        self._tally = Tally()
        self._noise, self._augment_noise = self._epoch_noises()
        self._clock = 0.0
        whole = -(-len(data.train.y_N) // trainer.batch_size)
        self.batches_an_epoch = min(whole, trainer.limit_batches or whole)

    @property
    def finished(self) -> bool:
        return self.state.epoch >= self._trainer.epochs

    def epoch(self) -> dict[str, Any] | None:
        """Train to the end of the epoch, then look at the validation split. None where a pause was asked for before
        that: the next call goes on with the same epoch.

        Raises Diverged where the loss is NaN or infinite.
        """
        order_N = torch.randperm(
            len(self._data.train.y_N), generator=generator(self._seeds.order, f"order/{self.state.epoch}")
        ).to(self._device)
        started = time.perf_counter() - self._clock
        self.learner.train()
        size = self._trainer.batch_size
        while self.state.batch < self.batches_an_epoch:
            self._step(order_N[self.state.batch * size : (self.state.batch + 1) * size])
            self.state.batch += 1
            if self.state.batch < self.batches_an_epoch and self._pause_asked():
                self._clock = time.perf_counter() - started
                return None
        row = self._row()
        self._next_epoch(row, time.perf_counter() - started)
        return row

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers and text only, so that ``weights_only=True`` reads it."""
        return {
            "learner": self.learner.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "tally": self._tally.sums,
            "noise": self._noise.state(),
            "augment_noise": self._augment_noise.state(),
            "seconds": self._clock,
            "epoch": self.state.epoch,
            "batch": self.state.batch,
            "history": self.state.history,
            "timing": self.state.timing,
            "assignments": self.state.assignments,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.learner.load_state_dict(state["learner"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._tally = Tally(state["tally"])
        self._clock = state["seconds"]
        self.state = State(
            state["epoch"], state["batch"], list(state["history"]), list(state["timing"]), list(state["assignments"])
        )
        self._noise, self._augment_noise = self._epoch_noises()
        self._noise.restore([one.cpu() for one in state["noise"]])
        self._augment_noise.restore([one.cpu() for one in state["augment_noise"]])

    def _step(self, index_B: Tensor) -> None:
        done = self.state.epoch * self.batches_an_epoch + self.state.batch
        steps = self._trainer.epochs * self.batches_an_epoch
        set_learning_rate(self._optimizer, learning_rate(self._trainer, done, steps))
        x_BD, y_B = self._data.train.x_ND[index_B], self._data.train.y_N[index_B]
        if self._data.augment is not None:
            x_BD = self._data.augment(x_BD, self._augment_noise)
        mixture = self.learner.mixture
        output = mixture(x_BD, self._noise)
        step = Step(x_BD, y_B, output, mixture.gate, mixture.experts, self._noise, self.state.epoch, done)
        loss_B, losses = self.learner.losses(step)
        self._optimizer.zero_grad(set_to_none=True)
        losses.total.sum().backward()
        self._optimizer.step()
        extras = {f"regularizer_{name}": value for name, value in losses.raw.items()}
        extras |= {f"regularizer_{name}_weighted": value for name, value in losses.weighted.items()}
        self._tally.add(loss_B, y_B, output, {"total": losses.total, **extras})
        self._watch.batch(self.state.epoch, self.state.batch, losses.total)

    def _row(self) -> dict[str, Any]:
        epoch, total = self.state.epoch + 1, self._tally.mean("total")
        if not torch.isfinite(torch.tensor(total)):
            raise Diverged(f"the loss of epoch {epoch} is {total}: try a smaller trainer.lr")
        row = {"epoch": epoch, "lr": self._optimizer.param_groups[0]["lr"], **self._tally.row("train")}
        row |= self._validation()
        row |= {name: self._tally.mean(name) for name in self._tally.sums if name.startswith("regularizer_")}
        return row | self._tally.shares()

    def _validation(self) -> dict[str, float | None]:
        split = self._data.validation
        if len(split.y_N) == 0:
            return dict.fromkeys(f"validation_{name.removeprefix('train_')}" for name in self._tally.row("train"))
        tally, experts = evaluate_split(self.learner, split, evaluation_noise(self._seeds, self._device))
        self.state.assignments.append(experts.cpu())
        return tally.row("validation")

    def _next_epoch(self, row: dict[str, Any], seconds: float) -> None:
        samples = int(self._tally.sums["samples"].item())
        self.state.history.append(row)
        self.state.timing.append({"epoch": row["epoch"], "seconds": seconds, "samples_per_second": samples / seconds})
        self.state.epoch, self.state.batch = self.state.epoch + 1, 0
        self._tally, self._clock = Tally(), 0.0
        self._noise, self._augment_noise = self._epoch_noises()
        self._watch.epoch(row)

    def _epoch_noises(self) -> tuple[Noise, Noise]:
        """Of the parts, and of the augmentation, which belongs to the order of the data."""
        epoch = self.state.epoch
        parts = Noise([generator(self._seeds.noise, f"noise/{epoch}", self._device)])
        return parts, Noise([generator(self._seeds.order, f"augment/{epoch}", self._device)])


def evaluation_noise(seeds: Seeds, device: torch.device) -> Noise:
    """The numbers that a gate may draw in evaluation: the same ones every time."""
    return Noise([generator(seeds.noise, "noise/evaluation", device)])


@torch.no_grad()
def evaluate_split(learner: Learner, split: Split, noise: Noise) -> tuple[Tally, Tensor]:
    """The sums over a split, and every sample's arg-max expert (-1 where no expert has it)."""
    learner.eval()
    tally, experts = Tally(), []
    for x_BD, y_B in batches(split):
        output = learner.mixture(x_BD, noise)
        loss_B = -output.log_likelihood_B(y_B)
        tally.add(loss_B, y_B, output)
        shares_BE, routed_B = normalized(output.routing.weights_BE)
        experts.append(torch.where(routed_B, shares_BE.argmax(-1), -1))
    return tally, torch.cat(experts)


def batches(split: Split):
    """(x_BD, y_B) of a split in its order."""
    return zip(split.x_ND.split(EVALUATION_BATCH), split.y_N.split(EVALUATION_BATCH), strict=True)
