"""The training loop, for one run or for many as one program. It has no Python loop over samples, experts or runs and no
worker processes, and its state can be resumed to the bit."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from moe_lab.data.dataset import Data, Split
from moe_lab.errors import RunError
from moe_lab.layers.precision import products_in
from moe_lab.layers.ranks import Empty
from moe_lab.routing.decision import Routing
from moe_lab.training.learner import AnyLearner
from moe_lab.training.members import Member
from moe_lab.training.optimizers import Optimizer
from moe_lab.training.order import Order
from moe_lab.training.recipe import Course, Recipe
from moe_lab.training.records import Records
from moe_lab.training.selections import Selections
from moe_lab.training.stack import Apart, state_of_run, together
from moe_lab.training.tally import Tally
from moe_lab.training.validation import evaluate_split
from moe_lab.training.watch import PauseAsked, Watch
from moe_lab.training.whole import WholeState


@dataclass
class State:
    """The progress of the runs: ``epoch`` and ``batch`` come next, ``records`` are the results so far."""

    records: Records
    epoch: int = 0
    batch: int = 0


class Loop:
    """Trains one member, or several as one program, on a split, an epoch at a time.

    ``epoch()`` trains one epoch. ``state_dict()`` and ``load_state_dict()`` save and restore everything, also in the
    middle of an epoch. ``state_of_run(r)`` is the state that a loop with run r alone would have. A finished or diverged
    run keeps its slot in the stack, so the others are unaffected; nothing more is recorded of it.
    """

    def __init__(
        self,
        members: Sequence[Member],
        data: Data,
        watch: Watch,
        pause_asked: PauseAsked,
        recipe: Recipe | None = None,
    ) -> None:
        """Raises Apart if the members cannot be trained as one program."""
        self.members = list(members)
        self.learner = together(self.members)
        self._learns = any(True for _ in self.learner.parameters())
        self.state = State(Records(self.members, self._learns))
        self._trainer = self.members[0].trainer
        self.batches_an_epoch = self._batches(len(data.train))
        self._data = data
        self._watch = watch
        self._pause_asked = pause_asked
        trainers = [member.trainer for member in self.members]
        by_expert = self.learner.by_expert if self._trainer.skip_untouched else []
        parameters, experts = list(self.learner.parameters()), self.learner.by_expert
        self._optimizer = Optimizer(trainers, parameters, self.batches_an_epoch, by_expert, experts)
        self._order = Order(data, [member.seeds.order for member in self.members], self._trainer.batch_size)
        steps = self.batches_an_epoch
        self._selections = Selections(self.learner, self.members, data.validation, steps)
        ranks = self.learner.ranks
        self._whole = None if ranks is None else WholeState(self.learner, ranks)
        self._tally = Tally()
        self._clock = 0.0
        self._recipe = recipe or Recipe()
        if reason := self._recipe.apart(trainers):
            raise Apart(reason.text())
        self._course = Course(self.learner, trainers, data, steps, self._noises, self._optimizer.forget)
        self._begin_epoch()

    @property
    def epochs(self) -> int:
        """Number of epochs of the longest run."""
        return self.state.records.epochs

    @property
    def finished(self) -> bool:
        return self.state.records.all_ended(self.state.epoch)

    def ended(self, run: int) -> bool:
        """Whether a run has finished its epochs or has diverged."""
        return self.state.records.ended(run, self.state.epoch)

    def epoch(self) -> bool:
        """Train to the end of the epoch, then evaluate on the validation split. Returns False if a pause was requested
        before that; the next call continues the same epoch."""
        started = time.perf_counter() - self._clock
        if self.state.epoch == self.state.batch == 0:
            self._recipe.begin(self._course, self.state.records)
            self._keep_selections()
        self.learner.train()
        while self.state.batch < self.batches_an_epoch:
            self._step()
            self.state.batch += 1
            self._keep_selections()
            if self.state.batch < self.batches_an_epoch and self._pause_asked():
                self._clock = time.perf_counter() - started
                return False
        self.learner.fit(self._data, self._trainer.batch_size)
        if not self._learns:
            self._tally, _ = self._look_at(self._data.train, "noise/0")
        self._write_down(started)
        self._recipe.after_epoch(self._course, self.state.epoch, self.state.records)
        self._next_epoch()
        return True

    def state_dict(self, empty: Empty = torch.empty) -> dict[str, Any]:
        """The whole state, as tensors, numbers and text only, so that it can be read with ``weights_only=True``. Of
        several ranks every one calls it, and the leading one gets it, in memory that ``empty`` gives."""
        learner, optimizer = self.learner.state_dict(), self._optimizer.state_dict()
        return {
            "learner": learner if self._whole is None else self._whole.learner(learner, empty),
            "optimizer": optimizer if self._whole is None else self._whole.optimizer(optimizer, empty),
            "tally": self._tally.sums,
            "noise": self._noise.state(),
            "augment_noise": self._order.noise.state(),
            "recipe": self._recipe.state(),
            "seconds": self._clock,
            "epoch": self.state.epoch,
            "batch": self.state.batch,
            "records": self.state.records.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state. Raises RunError if the records of ``state`` do not match its epoch and batch."""
        self._check_place(state)
        if self._whole is not None:
            state = self._whole.own(state)
        self.learner.load_state_dict(state["learner"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._clock = state["seconds"]
        self.state.records.restore(state["records"])
        self.state.epoch, self.state.batch = state["epoch"], state["batch"]
        self._begin_epoch()
        device = self._data.train.x_ND.device
        self._tally = Tally({name: one.to(device) for name, one in state["tally"].items()})
        self._recipe.restore({name: one.to(device) for name, one in state["recipe"].items()})
        self._noise.restore([one.cpu() for one in state["noise"]])
        self._order.noise.restore([one.cpu() for one in state["augment_noise"]])

    def _check_place(self, state: dict[str, Any]) -> None:
        """Check that the records of ``state`` match its epoch and batch. Otherwise a wrong state could claim a
        training's end and stop it."""
        epoch, batch = state["epoch"], state["batch"]
        fits = self.state.records.fit(state["records"], epoch)
        if not (fits and 0 <= epoch <= self.epochs and 0 <= batch < max(1, self.batches_an_epoch)):
            rows = [len(one["history"]) for one in state["records"]]
            raise RunError(
                f"the checkpoint claims epoch {epoch} and batch {batch} of {self.epochs} epochs of "
                f"{self.batches_an_epoch} batches, with {rows} epochs in its history: it was changed since it was "
                "written; remove checkpoint*.pt to train from the start"
            )

    def state_of_run(self, run: int) -> dict[str, Any]:
        """The ``state_dict`` that a loop with this run alone would have; only valid between two epochs."""
        if len(self.members) == 1:
            return self.state_dict()
        return {
            **self.state_dict(),
            "learner": state_of_run(self.learner.state_dict(), run),
            "optimizer": self._optimizer.state_of_run(run),
            "tally": self._tally.of_run(run).sums,
            "noise": self._noise.state()[run : run + 1],
            "augment_noise": self._order.noise_of_run(run).state(),
            "recipe": state_of_run(self._recipe.state(), run),
            "records": self.state.records.state()[run : run + 1],
        }

    def learner_of_run(self, run: int) -> AnyLearner:
        """A copy of the learner of one run in its present state."""
        learner = self.members[run].learner
        if len(self.members) > 1:
            learner.load_state_dict(state_of_run(self.learner.state_dict(), run))
        return learner

    def _step(self) -> None:
        done = self._done
        self._optimizer.set_rates(done)
        if self.learner.steered:
            self.learner.before_step(self._progress(done))
        self._recipe.before_step(self._course, self.state.epoch, self.state.batch)
        x_BD, y_B = self._order.batch(self.state.batch)
        with products_in(self._trainer.precision):
            output = self.learner(x_BD, self._noise, lambda routing: self._recipe.routed(self._decided(routing), y_B))
        step = self.learner.step(x_BD, y_B, output, self._noise)
        step = self._recipe.seen(step, self._order.index(self.state.batch))
        loss_B, losses = self._recipe.losses(self.learner, step)
        self._optimizer.zero_grad()
        # the sum is enough: a run's loss does not depend on another run's parameters
        losses.total.sum().backward()
        routings = self.learner.routings(output)
        self._optimizer.step(routings[""].selected_BE.any(-2) if self._trainer.skip_untouched else None)
        self.learner.after_step(step, self._optimizer.step_sizes)
        self._recipe.after_step(self._course)
        extras = {"total": losses.total, **self.learner.readings(losses)}
        self._tally.add(loss_B, output.scores(y_B), routings, extras)
        self._watch.batch(self.state.epoch, self.state.batch, losses.total)

    @property
    def _done(self) -> int:
        """How many steps have been done."""
        return self.state.epoch * self.batches_an_epoch + self.state.batch

    def _keep_selections(self) -> None:
        """Keep which experts the rows of some validation samples select, of the runs for which it is due."""
        if runs := self._selections.due(self._done):
            selected = self._selections.look(self._noises("noise/evaluation"), self._decided, len(self.members))
            for run in runs:
                self.state.records[run].selection_steps.append(self._done)
                self.state.records[run].selections.append(selected[run])

    def _decided(self, routing: Routing) -> Routing:
        return self._recipe.decided(self._course, self.state.epoch, routing)

    def _progress(self, done: int) -> Tensor:
        """The share of its steps that each run has done, [...]."""
        shares = [min(done / (one.trainer.epochs * self.batches_an_epoch), 1.0) for one in self.members]
        return torch.tensor(shares if len(shares) > 1 else shares[0], device=self._data.train.x_ND.device)

    def _write_down(self, started: float) -> None:
        """Record a row, or the divergence, of every run that has not ended."""
        train, rates = self._tally.on_cpu(), self._optimizer.rates()
        validation = self._validation()
        seconds = time.perf_counter() - started
        for row in self.state.records.add(self.state.epoch + 1, train, rates, validation, seconds):
            self._watch.epoch(row)

    def _validation(self) -> tuple[Tally, Tensor] | None:
        """The sums over the validation split, and the assignments of each run, [R, ...]; None if the split is empty."""
        if len(self._data.validation) == 0:
            return None
        tally, experts = self._look_at(self._data.validation, "noise/evaluation")
        of_run = experts.shape[experts.ndim - self.learner.assigned_axes :]
        return tally.on_cpu(), experts.cpu().expand(len(self.members), *of_run)

    def _look_at(self, split: Split, noise: str) -> tuple[Tally, Tensor]:
        return evaluate_split(self.learner, split, self._noises(noise), self._trainer.batch_size, self._decided)

    def _next_epoch(self) -> None:
        self.state.epoch, self.state.batch = self.state.epoch + 1, 0
        self._begin_epoch()

    def _begin_epoch(self) -> None:
        epoch = self.state.epoch
        self._tally.clear()
        self._clock = 0.0
        self._noise = self._noises(f"noise/{epoch}")
        row_M = self._recipe.rows(self._course, epoch)
        self._order.begin(epoch, row_M)
        self.batches_an_epoch = self._batches(len(self._data.train if row_M is None else row_M))

    def _batches(self, samples: int) -> int:
        """Number of batches in an epoch of this many samples."""
        whole = -(-samples // self._trainer.batch_size)
        return min(whole, self._trainer.limit_batches or whole) if self._learns else 0

    def _noises(self, name: str) -> Any:
        """The random numbers of the parts. Those of the augmentation belong to the order of the data."""
        seeds = [member.seeds.noise for member in self.members]
        return self.learner.noise(seeds, name, self._data.train.x_ND.device, stacked=len(seeds) > 1)
