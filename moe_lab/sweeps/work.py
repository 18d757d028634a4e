"""What a launcher hands out, and how it is done where it arrives: under a claim, and into the jobs' own folders."""

import json
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from moe_lab.config.plugins import load_plugin
from moe_lab.data.dataset import Data
from moe_lab.errors import Diverged, UserError
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.writer import RunWriter
from moe_lab.store.claim import CLAIM, Held, claimed
from moe_lab.sweeps.folder import STACKS, SweepFolder
from moe_lab.sweeps.plan import Planned
from moe_lab.training.stack import SHARED
from moe_lab.training.watch import StopAsked, Stopped

#: how long to wait for the last owner of a job, who may be on its way out
PATIENCE_SECONDS = 10.0


#: keys of a config that say which data its job is on, and with how many threads they are loaded
DECIDE_DATA = (*SHARED, "trainer")


@dataclass(frozen=True)
class Task:
    """Jobs that are done in one go: one, or several as one stack, whose checkpoint lies in the folder ``stack``."""

    jobs: tuple[Planned, ...]
    stack: str | None = None


@dataclass(frozen=True)
class Ended:
    """A task that is no longer under way. ``trouble``: why it did not come to an end of its own, such as a worker that
    died; what became of its jobs is in their folders."""

    task: Task
    trouble: str = ""


@dataclass(frozen=True)
class Work:
    """Does tasks of the sweep in ``folder``, in whatever process it is called; can be pickled.

    ``plugins`` are the files of the user's own parts, which that process has to load as well.
    """

    folder: Path
    plugins: tuple[Path, ...] = ()

    def __call__(self, task: Task, stop_asked: StopAsked = experiment.never) -> str:
        """Do what is not done yet of a task, going on with what an earlier try has left. Returns who else is at it, or
        nothing. Everything that goes wrong with a job is recorded in its folder, but for an interrupt, which goes up.
        """
        for path in self.plugins:
            load_plugin(path)
        sweep = SweepFolder(self.folder)
        try:
            return self._claimed(task, sweep, stop_asked)
        except FileNotFoundError:
            gone = [folder for planned in task.jobs if not (folder := sweep.job(planned.name)).is_dir()]
            if not gone:
                raise
            return f"{gone[0]} was removed while the sweep was going on"

    def _claimed(self, task: Task, sweep: SweepFolder, stop_asked: StopAsked) -> str:
        with ExitStack() as claims:
            try:
                for planned in task.jobs:
                    # what has ended, of a stack that goes on, is not touched again
                    if not sweep.outcome(planned).ended:
                        # the folder of a job that is still to be done may have been removed since the plan was made
                        sweep.lay_out_job(planned)
                        claims.enter_context(claimed(sweep.job(planned.name) / CLAIM, PATIENCE_SECONDS))
            except Held as held:
                return str(held)
            if all(sweep.outcome(planned).ended for planned in task.jobs):
                return ""
            try:
                self._do(task, sweep, stop_asked)
            except (Diverged, Stopped):
                pass
            except UserError as error:
                # what is wrong with a job before it starts has not been recorded
                for planned in task.jobs:
                    if not sweep.outcome(planned).ended:
                        RunWriter(planned.job, sweep.job(planned.name)).failed(error)
            except Exception:
                if any(sweep.outcome(planned).state in ("planned", "running") for planned in task.jobs):
                    raise
        return ""

    def _do(self, task: Task, sweep: SweepFolder, stop_asked: StopAsked) -> None:
        jobs, folders = [one.job for one in task.jobs], [sweep.job(one.name) for one in task.jobs]
        config = jobs[0].config
        data = _data(json.dumps({name: config.get(name) for name in DECIDE_DATA}))
        if task.stack is None:
            experiment.run(jobs[0], folders[0], data, stop_asked=stop_asked, resume=True)
        else:
            home = self.folder / STACKS / task.stack
            experiment.run_stack(jobs, folders, data, home=home, stop_asked=stop_asked, resume=True)


@lru_cache(maxsize=1)
def _data(config: str) -> Data:
    """Kept for the next job, which is likely to be on the same data."""
    return load_data(json.loads(config))
