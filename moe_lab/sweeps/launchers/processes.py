"""Jobs side by side on this machine, each worker a process of its own."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from contextlib import suppress
from typing import Any

import torch
from joblib import cpu_count
from joblib.externals.loky import ProcessPoolExecutor
from joblib.externals.loky.backend import get_context

from moe_lab.ranges import Count
from moe_lab.sweeps.launcher import Launcher, described
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked

_LOOK_SECONDS = 0.2


class Processes(Launcher):
    """Jobs side by side on this machine, in worker processes (joblib's loky).

    Every worker is a pool of its own, so that one that dies, killed or out of memory, takes only its job along.

    workers: how many; null: one a core for the threads of a job, or one a GPU where jobs run on GPUs.
    """

    def __init__(self, *, workers: Count | None = None) -> None:
        self._workers = workers

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        waiting = list(reversed(tasks))
        asked = get_context("loky").Event()
        slots = [_Slot(asked, env) for env in self._places(tasks)]
        try:
            while True:
                if stop_asked():
                    asked.set()
                    waiting.clear()
                for slot in slots:
                    if slot.free and waiting:
                        slot.start(waiting.pop(), work)
                busy = [slot.future for slot in slots if slot.future is not None]
                if not busy:
                    break
                wait(busy, _LOOK_SECONDS, FIRST_COMPLETED)
                for slot in slots:
                    if slot.future is not None and slot.future.done():
                        yield slot.end()
            for slot in slots:
                slot.close()
        except BaseException:
            for slot in slots:
                slot.kill()
            raise

    def _places(self, tasks: Sequence[Task]) -> list[dict[str, str]]:
        """The environment of every worker: with several GPUs each gets its own."""
        gpus = torch.cuda.device_count() if any(_on_gpu(task) for task in tasks) else 0
        threads = max((one.job.config["trainer"]["threads"] for task in tasks for one in task.jobs), default=1)
        count = min(self._workers or gpus or max(cpu_count() // threads, 1), len(tasks))
        return [{"CUDA_VISIBLE_DEVICES": str(one % gpus)} if gpus > 1 else {} for one in range(count)]


class _Slot:
    """A worker that does one task at a time, and is replaced when it dies."""

    def __init__(self, asked: Any, env: dict[str, str]) -> None:
        self.future: Future | None = None
        self._asked = asked
        self._env = env
        self._task: Task | None = None
        self._pool: ProcessPoolExecutor | None = None

    @property
    def free(self) -> bool:
        return self.future is None

    def start(self, task: Task, work: Work) -> None:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, initializer=_begin, initargs=(self._asked,), env=self._env)
        self._task, self.future = task, self._pool.submit(_do, work, task)

    def end(self) -> Ended:
        future, task = self.future, self._task
        self.future = self._task = None
        error = future.exception()
        if isinstance(error, BrokenExecutor):
            self.kill()
            return Ended(task, "its worker died (killed, or out of memory?)")
        return Ended(task, described(error) if error else future.result())

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def kill(self) -> None:
        if self._pool is not None:
            with suppress(Exception):
                self._pool.shutdown(wait=False, kill_workers=True)
            self._pool = None


def _on_gpu(task: Task) -> bool:
    device = task.jobs[0].job.config["device"]
    return device == "cuda" or (device == "auto" and torch.cuda.is_available())


_stop_asked: Callable[[], bool]


def _begin(asked: Any) -> None:
    """In a new worker. The terminal sends Ctrl-C to all; the command alone decides what it means, and tells the workers
    by ``asked``. They stop as well when they are told so themselves, or when the command is gone."""
    global _stop_asked
    parent, told = os.getppid(), []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: told.append(True))
    _stop_asked = lambda: bool(told) or asked.is_set() or os.getppid() != parent  # noqa: E731


def _do(work: Work, task: Task) -> str:
    return work(task, _stop_asked)
