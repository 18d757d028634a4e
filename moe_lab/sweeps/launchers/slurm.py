"""Jobs on a Slurm cluster, by submitit."""

import shlex
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from moe_lab.config.extras import extra
from moe_lab.config.ranges import Count, NonNegativeInt
from moe_lab.errors import ConfigError, cut, given
from moe_lab.experiment.launch import launched
from moe_lab.experiment.ranks import follow_launched, leading_all, processes_of
from moe_lab.sweeps.launcher import Launcher, described
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked

_LOOK_SECONDS = 0.5
#: most jobs of one array; Slurm's own limit is 1001 unless it is set otherwise
_ARRAY = 1000


class Slurm(Launcher):
    """Every job is a job of a Slurm array, submitted by submitit.

    Its logs are in the sweep's folder ``submitit``. The folder of runs must be on a file system that all nodes share. A
    job that reaches its time limit, or is cancelled, saves its state.

    cluster:   "slurm", or "local" to try it out: processes on this machine, all at once.
    partition: of the cluster; null: its default.
    account:   that is billed; null: the default.
    minutes:   time limit of a job.
    nodes:     of a job that several processes train (parallel=experts); each process is a task of the job.
    cpus:      cores of a job's process.
    gpus:      GPUs of a job, on a node.
    memory_gb: memory of a job, on a node.
    at_once:   at most so many jobs run at the same time.
    """

    def __init__(
        self,
        *,
        cluster: Literal["slurm", "local"] = "slurm",
        partition: str | None = None,
        account: str | None = None,
        minutes: Count = 240,
        nodes: Count = 1,
        cpus: Count = 1,
        gpus: NonNegativeInt = 0,
        memory_gb: Count = 4,
        at_once: Count = 100,
    ) -> None:
        self._submitit = extra("submitit", "launcher=slurm", "slurm")
        if cluster == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError(
                "launcher=slurm needs Slurm's command sbatch, and this machine has none: go to a machine of the "
                "cluster, or take launcher.cluster=local, which starts the jobs here"
            )
        self._cluster = cluster
        self._nodes = nodes
        limits = {"timeout_min": minutes, "cpus_per_task": cpus, "gpus_per_node": gpus, "mem_gb": memory_gb}
        of_slurm = {"partition": partition, "account": account, "array_parallelism": at_once}
        given = {f"slurm_{name}": value for name, value in of_slurm.items() if value is not None}
        self._parameters = {"name": "moe-lab", **limits, **given}

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        """Raises ConfigError if Slurm refuses the jobs; those that it has taken already are cancelled."""
        waiting: list[tuple[Any, Task]] = []
        cancelled = False
        try:
            self._submit(tasks, work, waiting)
            while waiting:
                if stop_asked() and not cancelled:
                    _cancel(waiting)
                    cancelled = True
                done = [one for one in waiting if one[0].done()]
                waiting = [one for one in waiting if one not in done]
                for job, task in done:
                    yield Ended(task, _trouble(job))
                time.sleep(_LOOK_SECONDS)
        except BaseException:
            _cancel(waiting)
            raise

    def _submit(self, tasks: Sequence[Task], work: Work, waiting: list[tuple[Any, Task]]) -> None:
        """Submit every task, and add its job to ``waiting``."""
        executor = self._submitit.AutoExecutor(folder=work.folder / "submitit", cluster=self._cluster)
        for processes in sorted({_processes(task) for task in tasks}):
            executor.update_parameters(**self._parameters, **self._places(processes))
            alike = [task for task in tasks if _processes(task) == processes]
            for start in range(0, len(alike), _ARRAY):
                array = alike[start : start + _ARRAY]
                try:
                    with executor.batch():
                        jobs = [executor.submit(_do, work, task) for task in array]
                except self._submitit.core.utils.FailedJobError as error:
                    raise ConfigError(_refused(str(error), work)) from None
                waiting += zip(jobs, array, strict=True)

    def _places(self, processes: int) -> dict[str, int]:
        """How the processes of a job are spread. Raises ConfigError if not every node has as many."""
        nodes = self._nodes if processes > 1 else 1
        if processes % nodes:
            raise ConfigError(
                f"launcher.nodes={nodes} cannot have as many of {processes} processes each: take another number, or "
                f"parallel.processes={nodes * -(-processes // nodes)}"
            )
        return {"nodes": nodes, "tasks_per_node": processes // nodes}


def _processes(task: Task) -> int:
    return max(processes_of(planned.job.config) for planned in task.jobs)


def _refused(text: str, work: Work) -> str:
    """What Slurm says of jobs that it does not take, such as those of a partition that it does not have."""
    reason = "; ".join(line.removeprefix("sbatch: error: ").strip() for line in text.splitlines() if line.strip())
    plugins = [word for file in work.plugins for word in ("--plugin", str(file))]
    command = shlex.join(["moe-lab", "sweep", "--resume", str(work.folder), *plugins, "launcher=slurm"])
    return (
        f"Slurm refuses these jobs ({cut(reason, 300)}): go on with other options of the launcher by "
        f"`{command} launcher.OPTION=VALUE`"
    )


def _cancel(waiting: Sequence[tuple[Any, Task]]) -> None:
    for job, _ in waiting:
        job.cancel()


def _trouble(job: Any) -> str:
    try:
        return "; ".join(filter(None, job.results()))
    except Exception as error:
        return described(error).partition(" Job (task=")[0]


def _do(work: Work, task: Task) -> str:
    """Run a task on its nodes, each of its processes. Slurm sends SIGTERM when a job is cancelled, and, for submitit,
    SIGUSR2 before its time limit; the leading process heeds them."""
    told: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, lambda number, _: told.append(number))
    if _processes(task) == 1:
        return work(task, lambda: bool(told))
    extra("submitit", "launcher=slurm", "slurm").helpers.TorchDistributedEnvironment().export(False, overwrite=True)
    launch = given(launched(), "a launch of several processes")
    if launch.rank > 0:
        follow_launched(launch)
        return ""
    with leading_all(launch):
        return work(task, lambda: bool(told))
