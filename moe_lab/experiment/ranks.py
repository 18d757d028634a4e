"""The processes that train one run: this one leads, the others follow it. torch starts them and reports how they
ended.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing import connection, get_start_method, parent_process, set_start_method
from pathlib import Path

import torch.distributed as dist
from torch._C._distributed_c10d import Store, TCPStore
from torch.multiprocessing.spawn import ProcessContext, ProcessExitedException, ProcessRaisedException, start_processes

from moe_lab.config.plugins import load_plugin, plugin_files
from moe_lab.errors import RankLost
from moe_lab.layers.ranks import Ranks
from moe_lab.parts.roles import Config

#: seconds that a process is given to end, once another has
GRACE = 5.0


class Team:
    """The ranks of a run, seen from one of them; the leading one knows the processes of the others. Without ranks one
    process does everything."""

    def __init__(
        self, ranks: Ranks | None = None, timeout_seconds: float = 0.0, followers: ProcessContext | None = None
    ) -> None:
        self.ranks = ranks
        self._timeout_seconds = timeout_seconds
        self._followers = followers

    @property
    def leads(self) -> bool:
        """Whether this process writes down what all do."""
        return self.ranks is None or self.ranks.leads

    def agreed(self, asked: bool) -> bool:
        """What the leading rank says."""
        return asked if self.ranks is None else self.ranks.agreed(asked)

    def explained(self, error: BaseException) -> BaseException:
        """The error, or that a rank is gone, if that is what it comes from."""
        if self._followers is None or not isinstance(error, RuntimeError):
            return error
        if (lost := _lost(self._followers)) is not None:
            return lost
        if "imed out" in str(error):
            return RankLost(f"a rank did not answer within {self._timeout_seconds:g} seconds")
        return error


def _lost(followers: ProcessContext, seconds: float = GRACE) -> RankLost | None:
    """Which process has ended, and how. A broken connection is noticed before the end of the process behind it."""
    try:
        followers.join(seconds, grace_period=GRACE)
    except ProcessExitedException as error:
        how = error.signal_name or f"exit code {error.exit_code}"
        return RankLost(f"rank {error.error_index + 1} (process {error.error_pid}) ended by {how}")
    except ProcessRaisedException as error:
        last = str(error).strip().splitlines()[-1]
        return RankLost(f"rank {error.error_index + 1} (process {error.error_pid}) failed: {last}")
    return None


@contextmanager
def leading(config: Config, follow: Callable[..., None], *task: object) -> Iterator[Team]:
    """The team of a run, whose other ranks call ``follow(team, *task)`` in processes of their own, which are
    gone when the block ends. Raises RankLost if one does not come."""
    parallel = config.get("parallel")
    if parallel is None:
        yield Team()
        return
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    # it would say on the terminal which processes it ends
    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)
    given_on = (parallel, store.port, plugin_files(), follow, task)
    with _starting_new(), _ignored_by_children():
        followers = start_processes(_follow, given_on, parallel["processes"] - 1, join=False)
    try:
        _wait_for(store, followers, parallel)
        _join(store, 0, parallel)
        yield Team(_ranks(parallel), parallel["timeout_seconds"], followers)
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        for process in followers.processes:
            process.join(GRACE)
            process.kill()
            process.join()


def _follow(
    index: int, parallel: Config, port: int, plugins: Sequence[Path], follow: Callable[..., None], task: tuple[object]
) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for file in plugins:
        load_plugin(file)
    store = TCPStore("127.0.0.1", port)
    store.set(_here(index + 1), "")
    _join(store, index + 1, parallel)
    follow(Team(_ranks(parallel), parallel["timeout_seconds"]), *task)
    dist.destroy_process_group()


def _wait_for(store: Store, followers: ProcessContext, parallel: Config) -> None:
    """Until all processes are there. Raises RankLost if one ends before, or takes too long."""
    until = time.monotonic() + parallel["timeout_seconds"]
    while not store.check([_here(rank) for rank in range(1, parallel["processes"])]):
        if (lost := _lost(followers, 0.1)) is not None:
            raise lost
        if time.monotonic() > until:
            raise RankLost(f"a rank did not start within {parallel['timeout_seconds']:g} seconds")


def _here(rank: int) -> str:
    return f"here/{rank}"


def _join(store: Store, rank: int, parallel: Config) -> None:
    timeout = timedelta(seconds=parallel["timeout_seconds"])
    dist.init_process_group("gloo", store=store, rank=rank, world_size=parallel["processes"], timeout=timeout)


def _ranks(parallel: Config) -> Ranks:
    return Ranks(by_rank=parallel["statistics"] == "rank")


def _end_with_parent() -> None:
    """A rank that computes would not notice for a while that the one that leads is gone."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def _starting_new() -> Iterator[None]:
    """A worker of joblib has a way of its own to start processes, which those that it starts would not know."""
    before = get_start_method(allow_none=True)
    set_start_method("spawn", force=True)
    try:
        yield
    finally:
        set_start_method(before, force=True)


@contextmanager
def _ignored_by_children() -> Iterator[None]:
    """Ctrl-C reaches every process of a terminal, and the one that leads decides: processes that are started here
    ignore it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
