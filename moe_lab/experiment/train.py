"""Training one run in a folder of its own, as `moe-lab train` does, from Python:

with new_training(prepare(["gate=top_k", "k=2"]), Path("runs"), "first") as training:
    run = training.run()
page = training.report()
"""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.config.build import build
from moe_lab.data.dataset import Data
from moe_lab.errors import RunError
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.job import Job, on_processes, stored_job
from moe_lab.experiment.launch import launched
from moe_lab.experiment.ranks import check_launch
from moe_lab.experiment.run import never, run
from moe_lab.experiment.twins import unfinished_twins
from moe_lab.experiment.writer import RunWriter
from moe_lab.store.claim import CLAIM, claimed
from moe_lab.store.folders import check_name, check_runs, claim
from moe_lab.store.run import Run
from moe_lab.training.watch import StopAsked, Watch


@dataclass(frozen=True)
class Training:
    """A job with its data and its folder, ready to be trained; ``resumed`` if the folder holds an unfinished run, or a
    finished one whose twins are not."""

    job: Job
    data: Data
    folder: Path
    resumed: bool = False

    @property
    def odd(self) -> list[str]:
        """Sentences about what is odd in the data, and how to mend it."""
        return build(self.job.config["dataset"]).odd(self.data)

    @property
    def finished(self) -> bool:
        """Whether the run is finished and only twins are left to train."""
        return self.resumed and Run(self.folder).finished

    def run(self, *, watch: Watch | None = None, stop_asked: StopAsked = never) -> Run:
        """Train, evaluate and measure; returns the finished run. Raises as ``moe_lab.experiment.run.run`` does: Stopped
        if ``stop_asked`` returned true (state saved), Diverged if the loss is not finite, and any other error.
        """
        run(self.job, self.folder, self.data, watch=watch, stop_asked=stop_asked, resume=self.resumed)
        return Run(self.folder)

    def report(self) -> Path:
        """Write the report of the finished run, tell its loggers, and return the page."""
        # importing the reports' packages would delay the message about a wrong override
        from moe_lab.reports import write_report

        page = write_report(Run(self.folder))
        if self.job.config.get("loggers"):
            RunWriter(self.job, self.folder).tell_loggers()
        return page


@contextmanager
def new_training(job: Job, runs: Path, name: str | None = None) -> Iterator[Training]:
    """Load the job's data, make the folder ``runs/name``, by default named by the time, and hold it against other
    processes.

    Raises RunError if ``runs`` or the name cannot be used or the name is taken, ConfigError if torchrun or srun has
    started another number of processes, DataError if the data cannot be loaded; no folder is made then.
    """
    check_runs(runs)
    if name is not None:
        check_name(name, runs)
    check_launch(job.config)
    data = load_data(job.config)
    folder = claim(runs, name)
    with claimed(folder / CLAIM):
        yield Training(job, data, folder)


@contextmanager
def resumed_training(
    folder: Path, plugins: Sequence[str] = (), processes: Any = None, *, compare: bool = False
) -> Iterator[Training]:
    """A run that was stopped or lost, to be resumed; its folder is locked against other processes.

    processes: number of processes, if it has several; null: as many as torchrun or srun has started, otherwise as many
               as before.
    compare:   also resume a finished run whose twins were stopped or lost.

    Raises RunError if the run has ended or is being trained, ConfigError and DataError as ``stored_job`` and
    ``load_data`` do.
    """
    job = stored_job(_unfinished(Run(folder), compare), plugins)
    launch = launched()
    if processes is None and launch is not None and job.config.get("parallel") is not None:
        processes = launch.count
    if processes is not None:
        job = on_processes(job, processes, plugins)
    check_launch(job.config)
    data = load_data(job.config)
    with claimed(folder / CLAIM):
        # the previous holder of the lock may have finished the run
        _unfinished(Run(folder), compare)
        yield Training(job, data, folder, resumed=True)


def _unfinished(run: Run, compare: bool) -> Run:
    """The run. Raises RunError if it finished or diverged, or if its status names a process of this machine that trains
    it; a process of another machine holds the folder's claim. With ``compare`` a finished run may have twins left."""
    status = run.status["status"]
    if status == "finished" and compare and unfinished_twins(run):
        return run
    if status in ("finished", "diverged"):
        unreported = status == "finished" and not (run.path / "report.html").exists()
        report = f"write its report with `moe-lab report {run.path}`, or " if unreported else ""
        raise RunError(
            f"{run.path} is {status}: {report}repeat or vary it with `moe-lab train --from {run.path} KEY=VALUE`"
        )
    if status == "running" and run.status.get("host") == socket.gethostname():
        raise RunError(f"{run.path} is in use by process {run.status['pid']} on {run.status['host']}")
    return run
