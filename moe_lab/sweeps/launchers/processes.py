"""Jobs side by side on this machine, each worker a process of its own."""

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from typing import Any

import torch
from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import get_context

from moe_lab.config.ranges import Count
from moe_lab.experiment.ranks import processes_of
from moe_lab.sweeps.launcher import Launcher, described
from moe_lab.sweeps.plan import Planned
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked

_LOOK_SECONDS = 0.2


class Processes(Launcher):
    """Jobs side by side on this machine, in worker processes (joblib's loky).

    Every worker is a pool of its own, so a worker that is killed or runs out of memory loses only its own job.

    workers: number of worker processes; null: as many as the cores have room for the threads of jobs, or one per GPU if
    jobs run on GPUs.
    """

    def __init__(self, *, workers: Count | None = None) -> None:
        self._workers = workers

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        waiting = list(reversed(tasks))
        asked = get_context("loky").Event()
        jobs = [planned for task in tasks for planned in task.jobs]
        slots = [_Slot(asked, env) for env in _places(min(self.count(jobs), len(tasks)), jobs)]
        # loky replaces a worker that has grown between two jobs, as with a larger data set; nothing is lost
        warnings.filterwarnings("ignore", "A worker stopped while some jobs were given", UserWarning)
        try:
            while True:
                if stop_asked():
                    asked.set()
                    waiting.clear()
                for slot in slots:
                    if slot.free and waiting:
                        slot.start(waiting.pop(), work)
                busy = [slot.under_way[1] for slot in slots if slot.under_way is not None]
                if not busy:
                    break
                wait(busy, _LOOK_SECONDS, FIRST_COMPLETED)
                for slot in slots:
                    if slot.under_way is not None and slot.under_way[1].done():
                        yield slot.end(*slot.under_way)
        finally:
            for slot in slots:
                slot.kill()

    def count(self, jobs: Sequence[Planned]) -> int:
        """The number of workers for these jobs."""
        cores = max((_cores(one) for one in jobs), default=1)
        return self._workers or _gpus(jobs) or max(cpu_count() // cores, 1)


def _cores(planned: Planned) -> int:
    """The threads of all processes of a job."""
    config = planned.job.config
    return int(config["trainer"]["threads"]) * processes_of(config)


def _places(count: int, jobs: Sequence[Planned]) -> list[dict[str, str]]:
    """The environment variables of every worker; with several GPUs each worker gets a GPU of its own."""
    gpus = _gpus(jobs)
    return [{"CUDA_VISIBLE_DEVICES": str(one % gpus)} if gpus > 1 else {} for one in range(count)]


def _gpus(jobs: Sequence[Planned]) -> int:
    """The number of GPUs, if jobs run on them; else 0."""
    return torch.cuda.device_count() if any(one.job.config["device"] in ("auto", "cuda") for one in jobs) else 0


class _Slot:
    """A worker process that runs one task at a time and is replaced when it dies."""

    def __init__(self, asked: Any, env: dict[str, str]) -> None:
        self.under_way: tuple[Task, Future[str]] | None = None
        self._asked = asked
        self._env = env
        self._pool: ProcessPoolExecutor | None = None

    @property
    def free(self) -> bool:
        return self.under_way is None

    def start(self, task: Task, work: Work) -> None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, initializer=_begin, initargs=(self._asked, os.getpid()), env=self._env)
        self.under_way = task, self._pool.submit(_do, work, task)

    def end(self, task: Task, future: Future[str]) -> Ended:
        self.under_way = None
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            self.kill()
            return Ended(task, "its worker died (killed, or out of memory?)")
        return Ended(task, described(error) if error else future.result())

    def kill(self) -> None:
        """Kill the worker at once: an orderly exit of an idle worker takes seconds."""
        if self._pool is not None:
            with suppress(Exception):
                self._pool.shutdown(wait=False, kill_workers=True)
            self._pool = None


class _Worker:
    """The state of a worker process: whether it should stop.

    The terminal sends Ctrl-C to all processes. Only the command acts on it, and asks the workers to stop by setting
    ``asked``. A worker also stops at a SIGTERM of its own, or if the command is gone, because then nothing else ends
    it.
    """

    def __init__(self, asked: Any, parent: int) -> None:
        self._asked = asked
        # given by the command: otherwise its end before the worker has started would not be noticed
        self._parent = parent
        self._told = False
        self._busy = threading.Lock()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._tell)
        threading.Thread(target=self._leave_when_orphaned, daemon=True).start()

    def do(self, work: Work, task: Task) -> str:
        with self._busy:
            return work(task, self._stop_asked)

    def _tell(self, number: int, frame: object) -> None:
        self._told = True

    def _is_orphan(self) -> bool:
        return os.getppid() != self._parent

    def _stop_asked(self) -> bool:
        return self._told or self._asked.is_set() or self._is_orphan()

    def _leave_when_orphaned(self) -> None:
        while not self._is_orphan():
            time.sleep(_LOOK_SECONDS)
        with self._busy:
            os._exit(1)


_worker: _Worker


def _begin(asked: Any, parent: int) -> None:
    """Set up a new worker of the process ``parent``."""
    global _worker
    _worker = _Worker(asked, parent)


def _do(work: Work, task: Task) -> str:
    return _worker.do(work, task)
