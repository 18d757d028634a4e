"""moe-lab: do the experts of a mixture of experts specialize, in what, and what made them do so?

``moe_lab.load(path)`` opens a run folder: ``.config .metrics .routing .history .model()``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moe_lab.experiment.loading import LoadedRun

__version__ = "0.1.0"


def load(path: str | Path, plugins: Sequence[str | Path] = ()) -> "LoadedRun":
    """The run folder at ``path`` as a ``LoadedRun``; ``plugins`` are the files of the parts of your own
    that its model is made of. Raises RunError where it is no run folder, ConfigError for a file that is no plug-in."""
    from moe_lab.experiment.loading import LoadedRun

    return LoadedRun(path, plugins)
