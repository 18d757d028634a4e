"""Opening a sweep's folder from Python."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from moe_lab.errors import RunError, printable
from moe_lab.experiment.loading import LoadedRun
from moe_lab.store.listing import columns, run_row
from moe_lab.store.run import find_runs
from moe_lab.sweeps.folder import SweepFolder

if TYPE_CHECKING:
    import pandas as pd


class LoadedSweep:
    """The runs of a sweep: ``.runs`` and ``.frame``, read from the disk on first use.

    Raises RunError if the path is no sweep's folder, ConfigError for a file that is no plug-in.
    """

    def __init__(self, path: str | Path, plugins: Sequence[str | Path] = ()) -> None:
        self.path = Path(path)
        if not SweepFolder(self.path).has_plan:
            raise RunError(
                f"{self.path} is not a sweep's folder (it has no plan.json); `moe-lab runs` lists what there is, and "
                "moe_lab.load opens a single run"
            )
        self._plugins = plugins

    def __repr__(self) -> str:
        counted = Counter(self.frame["status"])
        states = ", ".join(f"{count} {state}" for state, count in counted.items())
        return f"<sweep {printable(self.path.resolve().name)}: {states}; {printable(str(self.path))}>"

    def _repr_html_(self) -> str:
        """The frame, for notebooks."""
        return self.frame.to_html(max_rows=20)

    @cached_property
    def runs(self) -> list[LoadedRun]:
        """The run of each job, in the order of their names."""
        return [LoadedRun(run.path, self._plugins) for run in find_runs(self.path)]

    @cached_property
    def frame(self) -> "pd.DataFrame":
        """One row per run: its folder below the sweep's, its status, its value of every choice in which some run
        differs from the default, and headline metrics. `moe-lab runs SWEEP -f csv` prints the same table."""
        import pandas as pd

        from moe_lab.reports.listing import complete, spread_choices

        found = {str(run.path.relative_to(self.path)): run for run in self.runs}
        rows = [run_row(run, name, lambda reason: None) for name, run in found.items()]
        complete(rows, found)
        for row in rows:
            del row["options"]
        choices = spread_choices(rows)
        return pd.DataFrame(rows, columns=columns(rows, choices))

    def report(self, against: str | None = None) -> Path:
        """Write the report of the arms into the sweep's folder, and return its page; ``against`` is the arm that others
        are compared with, such as gate=softmax. Raises RunError if no run can be read or there is no such arm."""
        from moe_lab.reports import ArmsReport

        return ArmsReport(list(self.runs), against).write(lambda: self.path)
