"""The records of a loop's runs, and whether each run has ended."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, overload

import torch
from torch import Tensor

from moe_lab.training.members import Member, Record
from moe_lab.training.tally import Tally

#: prefixes of the history's columns for regularizers and controllers, after the name of a layer if there is one
READINGS = ("_regularizer_", "_controller_")


class Records(Sequence[Record]):
    """One record per run. A run ends when its epochs are done or its loss is not finite; nothing more is recorded then.

    learns: whether anything is trained by gradient. A model that is only fitted has one epoch.
    """

    def __init__(self, members: Sequence[Member], learns: bool) -> None:
        self._epochs = [member.trainer.epochs if learns else 1 for member in members]
        self._learns = learns
        self._records = [Record() for _ in members]

    @overload
    def __getitem__(self, run: int) -> Record: ...
    @overload
    def __getitem__(self, run: slice) -> list[Record]: ...
    def __getitem__(self, run: int | slice) -> Record | list[Record]:
        return self._records[run]

    def __len__(self) -> int:
        return len(self._records)

    @property
    def epochs(self) -> int:
        """Number of epochs of the longest run."""
        return max(self._epochs)

    def ended(self, run: int, epoch: int) -> bool:
        """Whether a run has ended after ``epoch`` epochs."""
        return epoch >= self._epochs[run] or bool(self._records[run].diverged)

    def all_ended(self, epoch: int) -> bool:
        return all(self.ended(run, epoch) for run in range(len(self)))

    def add(
        self, epoch: int, train: Tally, rates: list[float], validation: tuple[Tally, Tensor] | None, seconds: float
    ) -> list[dict[str, Any]]:
        """Record a row, or the divergence, of each run that had not ended before epoch number ``epoch`` (from 1).

        train, validation: the sums of the epoch, of all runs, on the CPU; with ``validation`` the arg-max experts of
                           its samples, [R, N].
        rates:             the learning rate of each run.
        Returns the rows.
        """
        rows = []
        for run, record in enumerate(self._records):
            if self.ended(run, epoch - 1):
                continue
            tally = train.of_run(run)
            total = tally.mean("total") if self._learns else 0.0
            if not torch.isfinite(torch.tensor(total)):
                record.diverged = f"the loss of epoch {epoch} is {total}: try a smaller trainer.lr"
                continue
            row = {"epoch": epoch, "lr": rates[run] if self._learns else None, **tally.row("train")}
            row |= validation[0].of_run(run).row("validation") if validation else _without_validation(row)
            row |= {name: tally.mean(name) for name in tally.sums if any(one in f"_{name}" for one in READINGS)}
            record.history.append(row | tally.balance())
            if validation:
                record.assignments.append(validation[1][run])
            speed = int(tally.sums["samples"].item()) / seconds
            record.timing.append({"epoch": epoch, "seconds": seconds, "samples_per_second": speed})
            rows.append(record.history[-1])
        return rows

    def state(self) -> list[dict[str, Any]]:
        """The records of each run for a checkpoint."""
        return [asdict(record) for record in self._records]

    def restore(self, state: list[dict[str, Any]]) -> None:
        self._records = [Record(**one) for one in state]

    def fit(self, state: list[dict[str, Any]], epoch: int) -> bool:
        """Whether ``state`` fits these runs after ``epoch`` epochs: each run that has not diverged has a row for every
        epoch that it has done."""
        rows = [None if one["diverged"] else len(one["history"]) for one in state]
        due = [min(epoch, epochs) for epochs in self._epochs]
        return len(rows) == len(due) and all(found in (None, count) for found, count in zip(rows, due, strict=True))


def _without_validation(row: dict[str, Any]) -> dict[str, None]:
    names = [name.removeprefix("train_") for name in row if name.startswith("train_")]
    return dict.fromkeys(f"validation_{name}" for name in names)
