"""A run as a comparison shows it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from moe_lab.metrics import RunArrays
from moe_lab.reports.curves import History
from moe_lab.reports.headline import Number, number, serves
from moe_lab.store.run import Run


@dataclass(frozen=True)
class Entry:
    """A run of the comparison: its short key (A, B, ...) and its colour in all figures."""

    key: str
    colour: str
    run: Run

    @cached_property
    def arrays(self) -> RunArrays | None:
        """The routing of the test split; None where the run did not finish."""
        return RunArrays.from_run(self.run) if self.run.finished else None

    @cached_property
    def history(self) -> History:
        """The epochs that the run finished."""
        return self.run.history if (self.run.path / "history.csv").is_file() else []

    def value(self, name: str) -> Any:
        return self.run.metrics.get(name, {}).get("value") if self.run.finished else None

    def number(self, name: str) -> Number | None:
        """The metric as it is printed; None where the run did not finish or did not compute it."""
        if self.arrays is None or name not in self.run.metrics or not serves(name, self.arrays.task):
            return None
        return number(name, self.run.metrics[name], **self.arrays.sizes)

    def has(self, column: str) -> bool:
        """Whether the history has this column."""
        return bool(self.history) and column in self.history[0]
