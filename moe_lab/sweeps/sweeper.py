"""The role of sweepers, which choose the jobs of a sweep."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from pathlib import Path

from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import Follow, Plan, silently

#: a generator that yields plans, receives the folder in which each was run, and returns a line for the end
Plans = Generator[Plan, SweepFolder, str]


class Sweeper(ABC):
    """Chooses the jobs of a sweep. Its keyword-only arguments are its options (``sweeper.NAME=VALUE``)."""

    @abstractmethod
    def plans(
        self,
        words: Sequence[str],
        config_dir: Path | None,
        plugins: Sequence[str],
        *,
        strict: bool = False,
        follow: Follow = silently,
    ) -> Plans:
        """The plans for these overrides; ``follow`` may show the progress of planning. Writes nothing. Raises
        ConfigError as ``plan`` does."""
