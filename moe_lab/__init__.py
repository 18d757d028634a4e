"""moe-lab: do the experts of a mixture of experts specialize, in what, and what made them do so?

``moe_lab.train(...)`` trains a run, ``moe_lab.sweep(...)`` many and ``moe_lab.study(...)`` a published table, as the
commands do. ``moe_lab.load(path)`` opens a run folder: ``.config .metrics .routing .history .model()``;
``moe_lab.load_sweep(path)`` a sweep's: ``.frame .runs``. ``moe_lab.Trace(...)`` takes the routing of any model:
``.measure() .write(path)``. ``moe_lab.plots`` draws the reports' pictures on matplotlib's axes. Public names are
imported when they are first asked for, so that ``import moe_lab`` alone brings neither torch nor NumPy.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_lab.cli.python import study, sweep, train
    from moe_lab.errors import ConfigError, DataError, RunError, UserError
    from moe_lab.experiment.loading import LoadedRun
    from moe_lab.experiment.traces import Trace
    from moe_lab.mixture.layer import MixtureLayer
    from moe_lab.mixture.mixture import Mixture
    from moe_lab.reports import plots as plots
    from moe_lab.routing.decision import Routing
    from moe_lab.store.run import Run
    from moe_lab.sweeps.loading import LoadedSweep
    from moe_lab.sweeps.studies.loading import LoadedStudy

__version__ = "0.2.0"

__all__ = [
    "ConfigError",
    "DataError",
    "LoadedRun",
    "LoadedStudy",
    "LoadedSweep",
    "Mixture",
    "MixtureLayer",
    "Routing",
    "Run",
    "RunError",
    "Trace",
    "UserError",
    "load",
    "load_sweep",
    "study",
    "sweep",
    "train",
]

#: public name -> the module that it comes from
_HOMES = {
    "ConfigError": "moe_lab.errors",
    "DataError": "moe_lab.errors",
    "LoadedRun": "moe_lab.experiment.loading",
    "LoadedStudy": "moe_lab.sweeps.studies.loading",
    "LoadedSweep": "moe_lab.sweeps.loading",
    "Mixture": "moe_lab.mixture.mixture",
    "MixtureLayer": "moe_lab.mixture.layer",
    "Routing": "moe_lab.routing.decision",
    "Run": "moe_lab.store.run",
    "RunError": "moe_lab.errors",
    "Trace": "moe_lab.experiment.traces",
    "UserError": "moe_lab.errors",
    "study": "moe_lab.cli.python",
    "sweep": "moe_lab.cli.python",
    "train": "moe_lab.cli.python",
}


def load(path: str | Path, plugins: Sequence[str | Path] = ()) -> "LoadedRun":
    """The run folder at ``path`` as a ``LoadedRun``; ``plugins`` are the files of the parts of your own
    that its model is made of. Raises RunError if it is no run folder, ConfigError for a file that is no plug-in."""
    from moe_lab.experiment.loading import LoadedRun

    return LoadedRun(path, plugins)


def load_sweep(path: str | Path, plugins: Sequence[str | Path] = ()) -> "LoadedSweep":
    """The sweep's folder at ``path`` as a ``LoadedSweep``; ``plugins`` as for ``load``. Raises RunError if it is no
    sweep's folder."""
    from moe_lab.sweeps.loading import LoadedSweep

    return LoadedSweep(path, plugins)


def __getattr__(name: str) -> Any:
    if name == "plots":
        return import_module("moe_lab.reports.plots")
    if name not in _HOMES:
        raise AttributeError(f"module 'moe_lab' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, "plots"})
