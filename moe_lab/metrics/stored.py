"""The files of a run besides routing.npz and evaluation.npz, found by name and read on demand."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np

from moe_lab.store.run import Run

Arrays = Mapping[str, np.ndarray]
#: one row per epoch; None is an empty cell
History = Sequence[Mapping[str, float | None]]

#: file -> the reason why a finished run may lack it
ABSENT = {
    "assignments": "there is no validation split, so no assignments were stored",
    "attributes": "no attributes of the test samples were stored",
    "interventions": "none were stored: there are more than 64 experts, or an earlier version of moe-lab trained them",
    "expert_log_probs": "the experts' log-probabilities were not stored: they would take over 64 MB, or there are none",
}


class Undefined(Exception):
    """Raised by a metric that has no value for these arrays; the text is the reason, in one line."""


class Stored(ABC):
    """The files of one run: ``file(name)`` gives the arrays of NAME.npz, ``history`` the rows of history.csv."""

    def file(self, name: str) -> Arrays:
        """The arrays of one file. Raises Undefined, with the reason, if the run has not stored it."""
        arrays = self._find(name)
        if arrays is None:
            raise Undefined(ABSENT.get(name, f"{name}.npz was not stored"))
        return arrays

    @property
    @abstractmethod
    def history(self) -> History:
        """One row per epoch; empty if no history was kept."""

    @abstractmethod
    def _find(self, name: str) -> Arrays | None:
        """The arrays, or None if there is no such file."""


class InMemory(Stored):
    """Results of a training that are still in memory."""

    def __init__(self, files: Mapping[str, Arrays], history: History) -> None:
        self._files = files
        self._history = history

    @property
    def history(self) -> History:
        return self._history

    def _find(self, name: str) -> Arrays | None:
        return self._files.get(name)


class InFolder(Stored):
    """Files in a run folder; each is read at most once."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read: dict[str, Arrays | None] = {}

    @property
    def history(self) -> History:
        return self._run.history_rows if (self._run.path / "history.csv").is_file() else []

    def _find(self, name: str) -> Arrays | None:
        if name not in self._read:
            self._read[name] = self._run.arrays(name) if self._run.has(name) else None
        return self._read[name]
