"""What a logger is: it shows a run elsewhere, while it trains and afterwards."""

from abc import ABC, abstractmethod
from pathlib import Path


class Logger(ABC):
    """Its keyword-only arguments are its options (``loggers.NAME.OPTION=VALUE``).

    It says what the run's folder says, so its numbers are those of history.csv and metrics.json.
    """

    @abstractmethod
    def log(self, folder: Path) -> None:
        """Bring what is shown up to date with a run's folder. Called after every checkpoint, at the end, and when the
        report has been written; also by another process, where a run goes on. What is shown already is not shown twice.
        What it raises is written into the run's log, and harms nothing."""
