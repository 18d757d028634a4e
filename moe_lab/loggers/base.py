"""The role of loggers, which show a run in another tool during and after training."""

from abc import ABC, abstractmethod
from pathlib import Path


class Logger(ABC):
    """Shows a run in another tool. Its keyword-only arguments are its options (``loggers.NAME.OPTION=VALUE``).

    It reads only the run's folder, so its numbers are those of history.csv and metrics.json.
    """

    @abstractmethod
    def log(self, folder: Path) -> None:
        """Update the display from a run's folder.

        Called after every checkpoint, at the end, and after the report is written; also from another process, if a run
        is resumed. It must not show anything twice. An exception is written to the run's log and does not stop the run.
        """
