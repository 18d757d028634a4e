"""Jobs on a Ray cluster."""

import signal
from collections.abc import Iterator, Sequence
from typing import Any

from moe_lab.config.extras import extra
from moe_lab.config.ranges import Count, NonNegative
from moe_lab.errors import ConfigError, number_of, one_line
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
        self._address = address
        self._where = {"address": address} if address else {"address": "local", "num_cpus": workers}
        self._resources = {"num_cpus": cpus, "num_gpus": gpus}

    def launch(self, tasks: Sequence[Task], work: Work, stop_asked: StopAsked) -> Iterator[Ended]:
        """Raises ConfigError if there is no cluster at the address, or the one started here can never run a job."""
        ray = self._ray
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        self._connect()
        # Ray would end the process at SIGTERM
        for number, handler in handlers.items():
            signal.signal(number, handler)
        try:
            self._check()
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

    def _connect(self) -> None:
        try:
            self._ray.init(**self._where, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        except ConnectionError as error:
            raise ConfigError(
                f"launcher.address={self._address}: no Ray cluster is there ({one_line(str(error))}); leave it "
                "out, and one is started on this machine"
            ) from None

    def _check(self) -> None:
        """Ray would wait for ever for what this machine does not have; a cluster elsewhere may still grow."""
        there = self._ray.cluster_resources()
        for option, resource in (("cpus", "CPU"), ("gpus", "GPU")):
            asked, has = self._resources[f"num_{option}"], there.get(resource, 0)
            if self._address is None and asked > has:
                raise ConfigError(
                    f"launcher.{option}={asked:g}: Ray finds {number_of(int(has), resource)} on this machine"
                )


def _trouble(ray: Any, reference: Any) -> str:
    try:
        return ray.get(reference)
    except Exception as error:
        return described(error).partition(" The worker")[0]


def _do(work: Work, task: Task) -> str:
    return work(task)
