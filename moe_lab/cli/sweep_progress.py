"""Progress of a sweep: a line for each run that has ended, and in a terminal a bar with counts below."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from moe_lab.cli.terminal import echo
from moe_lab.metrics import METRICS
from moe_lab.reports.kit.numbers import quantity
from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.plan import Follow, silently
from moe_lab.sweeps.run import SweepWatch

LOOK_SECONDS = 0.5
#: seconds of planning before the first line
PATIENCE_SECONDS = 2.0
#: how the metric by which a run is compared is said
QUALITY = {"test_error_rate": "error {}", "test_rmse_sd": "RMSE {}", "test_loss_nats": "loss {} a token"}
STYLES = {"finished": "green", "diverged": "yellow", "failed": "red", "lost": "red", "interrupted": "yellow"}


def sweep_watch(quiet: bool) -> SweepWatch:
    return SweepWatch() if quiet else Bar() if sys.stdout.isatty() else Lines()


def planning(quiet: bool) -> Follow:
    """Print on stderr how far planning is, after two seconds and then at growing intervals."""
    return silently if quiet else _say_how_far


def _say_how_far(things: Iterable[Any], count: int, what: str) -> Iterator[Any]:
    began, due = time.monotonic(), PATIENCE_SECONDS
    for done, thing in enumerate(things):
        if time.monotonic() - began >= due:
            echo(f"{what}: {done} of {count}", err=True)
            due *= 2
        yield thing


def quality(headline: Mapping[str, Any]) -> str:
    """``error 3.3 %``: the first number of a headline, which is what a run is compared by."""
    name, value = next(iter(headline.items()), ("", None))
    return "" if name not in QUALITY else QUALITY[name].format(quantity(value, METRICS[name].unit))


class Lines(SweepWatch):
    """A plain line for each run that has ended: how many are done, and how much time is left."""

    def begin(self, outcomes: Sequence[Outcome], read: Callable[[str], Outcome]) -> None:
        self._states = {one.name: one.state for one in outcomes}
        self._shares = self._first = {one.name: one.share for one in outcomes}
        self._read = read
        self._todo = [one.name for one in outcomes if not one.ended]
        self._ended = 0
        self._began = time.monotonic()
        if done := len(outcomes) - len(self._todo):
            self._say(Text(f"{done} of {len(outcomes)} jobs are done already"))

    def ended(self, outcome: Outcome) -> None:
        self._states[outcome.name] = outcome.state
        if outcome.state == "interrupted":
            # it is resumed later, so it does not count as done
            self._say(Text(f"{outcome.state}  {outcome.name}  {outcome.reason}".rstrip(), STYLES[outcome.state]))
            return
        self._shares = {**self._shares, outcome.name: 1.0}
        self._ended += 1
        line = Text(f"{self._ended}/{len(self._todo)}  ")
        line.append(outcome.state, style=STYLES.get(outcome.state, ""))
        line.append(f"  {outcome.name}  {outcome.reason or quality(outcome.headline)}".rstrip())
        self._say(line, self._left())

    def counts(self) -> str:
        """Text with the numbers of jobs done, running and failed, and the time left."""
        counted = Counter(self._states.values())
        bad = counted["failed"] + counted["lost"]
        parts = [f"{len(self._states) - len(self._todo) + self._ended}/{len(self._states)} done"]
        parts += [f"{counted['running']} running"] * bool(counted["running"])
        parts += [f"{bad} failed"] * bool(bad) + [f"{counted['diverged']} diverged"] * bool(counted["diverged"])
        return ", ".join([*parts, *self._left()])

    def _left(self) -> list[str]:
        """The time left, from the share of all jobs done so far, running ones included; empty before any progress."""
        done = sum(self._shares[name] - self._first[name] for name in self._todo)
        if done <= 0:
            return []
        seconds = (time.monotonic() - self._began) / done * sum(1 - self._shares[name] for name in self._todo)
        return [f"{seconds // 3600:.0f}:{seconds // 60 % 60:02.0f}:{seconds % 60:02.0f} left"]

    def _say(self, line: Text, left: Sequence[str] = ()) -> None:
        echo(line.plain + (f"  ({', '.join(left)})" if left else ""))


class Bar(Lines):
    """The same lines above a bar that also shows running jobs."""

    def begin(self, outcomes: Sequence[Outcome], read: Callable[[str], Outcome]) -> None:
        columns = BarColumn(bar_width=None), TextColumn("{task.fields[counts]}")
        self._bar = Progress(*columns, console=Console(), expand=True)
        self._over = threading.Event()
        super().begin(outcomes, read)
        self._task = self._bar.add_task("sweep", total=len(self._todo) or 1, counts=self.counts())
        self._bar.start()
        self._looker = threading.Thread(target=self._look, daemon=True)
        self._looker.start()

    def ended(self, outcome: Outcome) -> None:
        super().ended(outcome)
        self._bar.update(self._task, completed=self._ended, counts=self.counts())

    def close(self) -> None:
        self._over.set()
        self._looker.join()
        self._bar.stop()

    def _look(self) -> None:
        """Update the states of jobs that have not ended, read from their folders now and then."""
        while not self._over.wait(LOOK_SECONDS):
            for name in self._todo:
                if self._states[name] in ("planned", "running"):
                    found = self._read(name)
                    self._states[name] = found.state
                    self._shares = {**self._shares, name: found.share}
            self._bar.update(self._task, counts=self.counts())

    def _say(self, line: Text, left: Sequence[str] = ()) -> None:
        # the bar itself shows the time left
        self._bar.console.print(line)
