"""Progress of a run: a bar in a terminal, an updated line in a notebook, plain lines elsewhere, nothing if quiet."""

import sys
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

from moe_lab.cli.terminal import echo
from moe_lab.reports.kit.numbers import digits, quantity
from moe_lab.training.watch import Watch

#: seconds between two looks at the loss, each of which waits for the device
LOOK_SECONDS = 0.25
PLAIN_LINES = 10


@contextmanager
def progress(quiet: bool, said: str = "") -> Iterator[Watch]:
    """``said``: what is printed before the first epoch."""
    if quiet:
        yield Watch()
    elif in_notebook():
        yield after(said, Cell())
    elif not sys.stdout.isatty():
        yield after(said, Lines())
    else:
        with make_bar() as bar:
            yield after(said, Bar(bar))


def after(said: str, watch: Watch) -> Watch:
    """A watch that prints a sentence first, if there is one."""
    return After(said, watch) if said else watch


class After(Watch):
    """Wraps a watch and prints a sentence first. It is printed when training begins, so a run that cannot be resumed
    prints only the reason.
    """

    def __init__(self, said: str, watch: Watch) -> None:
        self._said = said
        self._watch = watch

    def begin(self, epochs: int, batches: int) -> None:
        echo(self._said)
        self._watch.begin(epochs, batches)

    def batch(self, epoch: int, batch: int, loss: Tensor) -> None:
        self._watch.batch(epoch, batch, loss)

    def epoch(self, row: dict[str, Any]) -> None:
        self._watch.epoch(row)


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code; IPython is not imported for it."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and type(ipython.get_ipython()).__name__ == "ZMQInteractiveShell"


def make_bar() -> Progress:
    return Progress(
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(compact=True),
        console=Console(),
        expand=True,
    )


class Live(Watch):
    """Progress that is updated in place: epoch, loss, accuracy (RMSE in regression) and gate entropy."""

    def __init__(self) -> None:
        self._looked = 0.0
        self._row: dict[str, Any] = {}

    @abstractmethod
    def show(self, completed: int, epoch: str, numbers: str) -> None:
        """Show how many batches are done, in which epoch (``2/10``), and the current numbers."""

    def begin(self, epochs: int, batches: int) -> None:
        self._epochs, self._batches = epochs, batches

    @property
    def total(self) -> int:
        """Number of batches of the whole run."""
        return self._epochs * self._batches

    def batch(self, epoch: int, batch: int, loss: Tensor) -> None:
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        numbers = _numbers(self._row) if self._row else f"loss {loss.mean().item():.3f}"
        self.show(epoch * self._batches + batch + 1, f"{epoch + 1}/{self._epochs}", numbers)

    def epoch(self, row: dict[str, Any]) -> None:
        self._row = row
        self.show(row["epoch"] * self._batches, f"{row['epoch']}/{self._epochs}", _numbers(row))


class Bar(Live):
    """A progress bar in a terminal, with the time left."""

    def __init__(self, bar: Progress) -> None:
        super().__init__()
        self._bar = bar

    def begin(self, epochs: int, batches: int) -> None:
        super().begin(epochs, batches)
        self._task = self._bar.add_task("train", total=self.total, epoch=f"0/{epochs}", numbers="")

    def show(self, completed: int, epoch: str, numbers: str) -> None:
        self._bar.update(self._task, completed=completed, epoch=epoch, numbers=numbers)


class Cell(Live):
    """A progress bar and a line below a notebook's cell."""

    def begin(self, epochs: int, batches: int) -> None:
        from IPython.display import display

        super().begin(epochs, batches)
        self._handle = display(self._shown(0, f"0/{epochs}", ""), raw=True, display_id=True)

    def show(self, completed: int, epoch: str, numbers: str) -> None:
        self._handle.update(self._shown(completed, epoch, numbers), raw=True)

    def _shown(self, completed: int, epoch: str, numbers: str) -> dict[str, str]:
        line = f"epoch {epoch}  {numbers}".strip()
        bar = f'<progress value="{completed}" max="{self.total}" style="vertical-align:middle"></progress>'
        return {"text/plain": line, "text/html": f"{bar} <code>{line}</code>"}


class Lines(Watch):
    """About ten plain lines per run."""

    def begin(self, epochs: int, batches: int) -> None:
        self._epochs = epochs
        self._every = max(epochs // PLAIN_LINES, 1)

    def epoch(self, row: dict[str, Any]) -> None:
        epoch = row["epoch"]
        if epoch in (1, self._epochs) or epoch % self._every == 0:
            print(f"epoch {epoch}/{self._epochs}  {_numbers(row)}", flush=True)


def _numbers(row: dict[str, Any]) -> str:
    """Loss, accuracy or RMSE, and the entropy of the gate if there are several experts."""
    split = "train" if row["validation_loss_nats"] is None else "validation"
    short = {"train": "train", "validation": "val"}[split]
    told = f"{short} loss {row[f'{split}_loss_nats']:.3f}  {_quality(row, split)}"
    if not any(name.endswith("usage_share_1") for name in row):
        return told
    # a network has a column per mixture layer; the last one is shown
    entropy = [value for name, value in row.items() if name.endswith(f"{split}_sample_entropy_bits")][-1]
    return f"{told}  H(E|X) {digits(entropy, 'bits')} bits"


def _quality(row: dict[str, Any], split: str) -> str:
    error = row.get(f"{split}_error_rate")
    return f"RMSE {row[f'{split}_rmse_sd']:.3f} sd" if error is None else f"accuracy {quantity(1 - error, 'fraction')}"
