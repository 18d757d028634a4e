"""Tasks that a launcher distributes, and the work on them: under a claim, in the jobs' own folders."""

import gc
import json
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from moe_lab.config.plugins import load_plugin
from moe_lab.data.dataset import Data
from moe_lab.errors import Diverged, UserError
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.experiment.writer import RunWriter
from moe_lab.parts.roles import Config
from moe_lab.store.claim import CLAIM, Held, claimed
from moe_lab.sweeps.folder import STACKS, SweepFolder
from moe_lab.sweeps.plan import Planned
from moe_lab.training.stack import SHARED
from moe_lab.training.watch import StopAsked, Stopped

#: seconds to wait for the last owner of a job, which may be about to end
PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Task:
    """Jobs that run together: a single one, or several as one stack, whose checkpoint is in the folder ``stack``."""

    jobs: tuple[Planned, ...]
    stack: str | None = None


@dataclass(frozen=True)
class Ended:
    """A task that is no longer running. ``trouble``: why it did not end by itself, such as a worker that died. The
    outcomes of its jobs are in their folders."""

    task: Task
    trouble: str = ""


@dataclass(frozen=True)
class Work:
    """Callable that runs tasks of the sweep in ``folder``, in any process; it can be pickled.

    ``plugins`` are the files of the user's own parts, which that process has to load as well.
    """

    folder: Path
    plugins: tuple[Path, ...] = ()

    def __call__(self, task: Task, stop_asked: StopAsked = experiment.never) -> str:
        """Run the jobs of a task that have not ended, resuming earlier attempts. Returns the name of another holder of
        the claim, or an empty text. Every error of a job is recorded in its folder; an interrupt is raised.
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
            return f"{gone[0]} was removed while the sweep was running"

    def _claimed(self, task: Task, sweep: SweepFolder, stop_asked: StopAsked) -> str:
        with ExitStack() as claims:
            try:
                for planned in task.jobs:
                    # jobs of a resumed stack that have ended are not touched again
                    if not sweep.outcome(planned).ended:
                        # the folder of a job that has not run yet may have been removed since the plan was made
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
                # an error of a job before it starts has not been recorded
                for planned in task.jobs:
                    if not sweep.outcome(planned).ended:
                        RunWriter(planned.job, sweep.job(planned.name)).failed(error)
            except Exception:
                if any(sweep.outcome(planned).state in ("planned", "running") for planned in task.jobs):
                    raise
        return ""

    def _do(self, task: Task, sweep: SweepFolder, stop_asked: StopAsked) -> None:
        jobs, folders = [one.job for one in task.jobs], [sweep.job(one.name) for one in task.jobs]
        data = _data(jobs[0].config)
        if task.stack is None:
            experiment.run(jobs[0], folders[0], data, stop_asked=stop_asked, resume=True)
        else:
            home = self.folder / STACKS / task.stack
            experiment.run_stack(jobs, folders, data, home=home, stop_asked=stop_asked, resume=True)


def what_decides_data(config: Config) -> str:
    """The choices of a config that decide which data its job uses, as text. The number of threads is one, for sums over
    the data are split by it."""
    return json.dumps({name: config.get(name) for name in SHARED} | {"threads": config["trainer"]["threads"]})


_loaded: dict[str, Data] = {}


def _data(config: Config) -> Data:
    """The data of a config. They are kept, because the next job probably uses the same, until others are loaded: a
    worker has room for one data set, not always for two."""
    key = what_decides_data(config)
    if key not in _loaded:
        _loaded.clear()
        # the objects of a run that has ended refer to each other and to its data
        gc.collect()
        _loaded[key] = load_data(config)
    return _loaded[key]
