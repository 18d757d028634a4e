"""moe-lab: do the experts of a mixture of experts specialize, in what, and what made them do so?

``moe_lab.load(path)`` opens a run folder: ``.config .metrics .routing .history .model()``.
"""

from pathlib import Path

__version__ = "0.1.0"


def load(path: str | Path):
    """The run folder at ``path`` as a ``moe_lab.loading.LoadedRun``. Raises RunError where it is none."""
    from moe_lab.loading import LoadedRun

    return LoadedRun(path)
