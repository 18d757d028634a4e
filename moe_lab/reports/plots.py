"""Figures of the reports on matplotlib axes, for Python and notebooks.

``moe_lab.plots.usage(run)``, ``.class_table(run)`` and ``.forest(sweep)`` draw the figures of a run's report, or of a
paper. Each draws on the axes ``ax``, or on a new figure of the report's size, and returns the axes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from moe_lab.errors import RunError, did_you_mean
from moe_lab.metrics import RunArrays
from moe_lab.metrics.arrays import ClassArrays
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.look import Look
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.kit.picture import HALF, Paint, Picture
from moe_lab.reports.kit.style import RC
from moe_lab.reports.paper.chosen import choose
from moe_lab.reports.paper.figures import forest_of
from moe_lab.reports.run import class_table as classes
from moe_lab.reports.run.curves import expert_count
from moe_lab.reports.run.target import target_of
from moe_lab.reports.run.usage import usage_bands
from moe_lab.store.run import Run, as_written

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class HasRuns(Protocol):
    """A sweep, as returned by ``moe_lab.load_sweep`` and ``moe_lab.sweep``."""

    @property
    def runs(self) -> Sequence[Run]: ...


def usage(run: Run, ax: "Axes | None" = None) -> "Axes":
    """The share of the routing weight that each expert got in each epoch, as stacked bands.

    >>> import moe_lab
    >>> run = moe_lab.train("trainer.epochs=2", report=False, quiet=True)
    >>> moe_lab.plots.usage(run).get_title(loc="left")
    'share of the routing weight (%)'

    Raises RunError if no epoch was finished, or there is one expert.
    """
    _require_mixture(run)
    with as_written(run.path):
        if not run.history_rows:
            raise RunError(f"{run.path}: no epoch was finished, so there is no usage to show")
        if expert_count(run.history_rows) < 2:
            raise RunError(f"{run.path}: there is one expert, so there is no usage to show")
        return _on(ax, usage_bands(run.history_rows))


def class_table(run: Run, ax: "Axes | None" = None) -> "Axes":
    """Test samples by true class and the expert with the largest weight, as an annotated heat map.

    Raises RunError if the run has not finished, is of regression, or routed no test sample.
    """
    _require_mixture(run)
    if not run.finished:
        raise RunError(f"{run.path}: the run is {run.status['status']}; a table of classes needs a finished run")
    with as_written(run.path):
        arrays = RunArrays.from_run(run)
        if not isinstance(arrays, ClassArrays):
            raise RunError(f"{run.path}: the run is of regression, which has no classes")
        if arrays.routed_count == 0:
            raise RunError(f"{run.path}: no test sample reached an expert")
        return _on(ax, classes.class_table(arrays, target_of(run, arrays).names))


def forest(sweep: HasRuns | Sequence[Run], metric: str | None = None, ax: "Axes | None" = None) -> "Axes":
    """A metric of every arm: its mean on the 95 % interval, and a point per seed below.

    Args:
        sweep: a sweep, or a list of runs.
        metric: its name, as in ``run.metrics``; by default the test error rate, in regression the test loss.

    Raises RunError if no run has finished, or the runs have no such number.
    """
    runs = sweep.runs if hasattr(sweep, "runs") else sweep
    with as_written("the plot of these runs"):
        measured = Measured(collect(runs))
        if metric is not None and metric not in measured.quantities:
            raise RunError(
                f"metric={metric!r} is not a number in these runs.{did_you_mean(metric, measured.quantities)}"
            )
        chosen = choose(measured, metric)
        height, paint = forest_of(chosen, chosen.quantities[0], Look(chosen.arms))
        return _drawn(ax, HALF, height, paint)


def _require_mixture(run: Run) -> None:
    if run.kind != "mixture":
        raise RunError(
            f"{run.path} is a run of kind {run.kind}, and this plot is of mixtures; `moe-lab report {run.path}` makes "
            "its pictures"
        )


def _on(ax: "Axes | None", picture: Picture) -> "Axes":
    if picture.paint is None:
        raise TypeError(f"the picture {picture.stem} is not drawn by matplotlib")
    return _drawn(ax, picture.width, picture.height, picture.paint)


def _drawn(ax: "Axes | None", width: float, height: float, paint: Paint) -> "Axes":
    import matplotlib
    from matplotlib import pyplot

    # a notebook's backend sets rcParams when the first figure is made; keep them
    figure: Any = pyplot.figure(figsize=(width, height), layout="constrained") if ax is None else ax.figure
    with matplotlib.rc_context(RC):
        axes = figure.add_subplot() if ax is None else ax
        paint(figure, axes)
    return axes
