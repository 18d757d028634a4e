"""Jobs on a Ray cluster."""

import signal
from collections.abc import Iterator, Sequence
from typing import Any

from moe_lab.config.extras import extra
from moe_lab.config.ranges import Count, NonNegative
from moe_lab.sweeps.launcher import Launcher, described
from moe_lab.sweeps.work import Ended, Task, Work
from moe_lab.training.watch import StopAsked

_LOOK_SECONDS = 0.5


class Ray(Launcher):
    """Every job is a task of a Ray cluster.

    The folder of runs must be on a file system that all nodes share. A job that is stopped resumes from its last
    checkpoint.

    address: address of the cluster ("auto": the one that runs on this machine); null: one is started on this machine,
             and stopped at the end.
    workers: number of cores of a cluster that is started here; null: all.
    cpus:    cores per job.
    gpus:    GPUs per job; a fraction is allowed.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        workers: Count | None = None,
        cpus: Count = 1,
        gpus: NonNegative = 0.0,
    ) -> None:
        self._ray = extra("ray", "launcher=ray", "ray")
        self._where = {"address": address} if address else {"address": "local", "num_cpus": workers}
        self._resources = {"num_cpus": cpus, "num_gpus": gpus}

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        ray = self._ray
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        ray.init(**self._where, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        # Ray would end the process at SIGTERM
        for number, handler in handlers.items():
            signal.signal(number, handler)
        try:
            remote = ray.remote(max_retries=0, **self._resources)(_do)
            waiting = {remote.remote(work, task): task for task in tasks}
            cancelled = False
            while waiting:
                if stop_asked() and not cancelled:
                    for reference in waiting:
                        ray.cancel(reference)
                    cancelled = True
                done, _ = ray.wait(list(waiting), num_returns=1, timeout=_LOOK_SECONDS)
                for reference in done:
                    yield Ended(waiting.pop(reference), _trouble(ray, reference))
        finally:
            ray.shutdown()


def _trouble(ray: Any, reference: Any) -> str:
    try:
        return ray.get(reference)
    except Exception as error:
        return described(error).partition(" The worker")[0]


def _do(work: Work, task: Task) -> str:
    return work(task)
