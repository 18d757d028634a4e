"""What a sweeper is: it chooses the jobs."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from pathlib import Path

from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.plan import Follow, Plan, silently

#: plans, one after the other; each is answered by the folder in which its jobs have been done; at the end a line
Plans = Generator[Plan, SweepFolder, str]


class Sweeper(ABC):
    """Its keyword-only arguments are its options (``sweeper.NAME=VALUE``)."""

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
        """What to train for these words; ``follow`` may show how far planning is. Raises ConfigError as ``plan`` does;
        writes nothing."""
