"""The processes that train one run: number 0 leads, the others follow it. Either it starts them, or torchrun or srun
has started them all."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import timedelta
from multiprocessing import get_start_method, set_start_method
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch._C._distributed_c10d import Store, TCPStore
from torch.distributed import distributed_c10d
from torch.distributed.rendezvous import rendezvous
from torch.multiprocessing.spawn import start_processes

from moe_lab.config.plugins import load_plugin, plugin_files
from moe_lab.errors import ConfigError, RankLost, one_line
from moe_lab.experiment.board import Board
from moe_lab.experiment.launch import Launch, launched
from moe_lab.experiment.machine import BACKENDS, device_of, take_gpu
from moe_lab.layers.ranks import Ranks
from moe_lab.parts.roles import Config

#: seconds that a process is given to start, to join the others that have started, and to end
START_SECONDS, JOIN_SECONDS, GRACE = 300.0, 30.0, 5.0


class Team:
    """The ranks of a run, seen from one of them; the leading one sees what becomes of the others on the ``board``.
    Without ranks one process does everything."""

    def __init__(self, ranks: Ranks | None = None, timeout_seconds: float = 0.0, board: Board | None = None) -> None:
        self.ranks = ranks
        self._timeout_seconds = timeout_seconds
        self._board = board

    @property
    def leads(self) -> bool:
        """Whether this process writes down what all do."""
        return self.ranks is None or self.ranks.leads

    def agreed(self, asked: bool) -> bool:
        """What the leading rank says."""
        return asked if self.ranks is None else self.ranks.agreed(asked)

    def explained(self, error: BaseException) -> BaseException:
        """The error, or that a rank is gone, if that is what it comes from."""
        if self._board is None or not isinstance(error, RuntimeError):
            return error
        if (lost := self._board.lost()) is not None:
            return lost
        if "imed out" in str(error):
            return RankLost(f"a rank did not answer within {self._timeout_seconds:g} seconds")
        return error


_STARTED: ContextVar[Board | None] = ContextVar("started", default=None)


def together() -> Board | None:
    """The board of the processes that this one leads without having started them."""
    return _STARTED.get()


@contextmanager
def leading_all(launch: Launch) -> Iterator[None]:
    """Within the block, runs are trained by all the processes that were started; after it the others end. Raises
    ConfigError if they do not meet."""
    board = Board(_met(launch), launch.count)
    token = _STARTED.set(board)
    try:
        yield
    finally:
        _STARTED.reset(token)
        # what went wrong has been said; this only lets all end at the same time
        with suppress(RankLost, RuntimeError):
            board.end()
            board.wait_for_all("gone", GRACE)


def follow_launched(launch: Launch) -> int:
    """Do what the leading process sends until it ends, without a word; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # the leading process saves the state with the help of all, and then lets them go
        signal.signal(number, signal.SIG_IGN)
    try:
        board = Board(_met(launch), launch.count)
    except ConfigError:
        return 2
    return _follow(board, launch.rank)


def processes_of(config: Config) -> int:
    """How many processes train the run of a checked config."""
    parallel = config.get("parallel")
    return 1 if parallel is None else int(parallel["processes"])


def check_launch(config: Config) -> None:
    """Raise ConfigError if torchrun or srun has started this process with others and they cannot train this."""
    launch = launched()
    if launch is None:
        return
    started = f"{launch.by} started {launch.count} processes"
    if together() is None:
        raise ConfigError(f"{started} of a script; they work together only if it starts `python -m moe_lab train`")
    parallel = config.get("parallel")
    if parallel is None:
        raise ConfigError(
            f"{started}, and this run has parallel=none: start one, or train a new run with parallel=experts"
        )
    if (count := parallel["processes"]) != launch.count:
        raise ConfigError(f"parallel.processes={count}: {started}; leave parallel.processes away, or start {count}")


def _met(launch: Launch) -> TCPStore:
    try:
        store, _, _ = next(rendezvous(launch.url))
    except RuntimeError as error:
        raise ConfigError(
            f"{launch.by} started {launch.count} processes, which did not meet: {one_line(str(error))}"
        ) from None
    return store


@contextmanager
def leading(config: Config, follow: Callable[..., None], *task: object) -> Iterator[Team]:
    """The team of a run, whose other ranks call ``follow(team, *task)``. Raises RankLost if one does not come."""
    parallel = config.get("parallel")
    if parallel is None:
        yield Team()
        return
    with _board(parallel["processes"]) as board:
        plugins, device = [str(file.absolute()) for file in plugin_files()], device_of(config).type
        store = board.send({"parallel": parallel, "plugins": plugins, "device": device})
        board.wait_for_all("joins", START_SECONDS, store)
        with _joined(store, 0, parallel, device, board) as team:
            try:
                dist.broadcast_object_list([(follow, task)], src=0)
            except RuntimeError as error:
                raise team.explained(error) from None
            yield team


@contextmanager
def _board(count: int) -> Iterator[Board]:
    """The board of the processes that were started with this one, or of new ones, which are gone after the block."""
    there = together()
    if there is not None and there.count == count:
        yield there
        return
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with _starting_new(), _ignored_by_children():
        processes = start_processes(_follow_parent, (store.port, count), count - 1, join=False).processes
    board = Board(store, count, processes)
    try:
        yield board
    finally:
        board.end()
        for process in processes:
            process.join(GRACE)
            process.kill()
            process.join()


def _follow_parent(index: int, port: int, count: int) -> None:
    board = Board(TCPStore("127.0.0.1", port), count)
    sys.exit(_follow(board, index + 1))


def _follow(board: Board, rank: int) -> int:
    """Of a rank that does not lead: the exit code."""
    with board.living(rank):
        try:
            for task, store in board.tasks(rank):
                _do(task, store, rank)
        except Exception as error:
            # if it comes from the end of the leading process, nobody reads it
            with suppress(RuntimeError):
                board.failed(rank, error)
            return 1
    return 0


def _do(sent: dict[str, Any], store: Store, rank: int) -> None:
    for file in sent["plugins"]:
        load_plugin(Path(file))
    store.set(f"joins/{rank}", "")
    with _joined(store, rank, sent["parallel"], sent["device"]) as team:
        given: list[Any] = [None]
        dist.broadcast_object_list(given, src=0)
        follow, task = given[0]
        follow(team, *task)


@contextmanager
def _joined(store: Store, rank: int, parallel: Config, device: str, board: Board | None = None) -> Iterator[Team]:
    """The team in which this process is number ``rank``. Raises RankLost if the others do not join, ConfigError if it
    has no GPU and needs one."""
    seconds, count = parallel["timeout_seconds"], parallel["processes"]
    # for a process that ends while they connect, gloo waits five times as long
    timeout = timedelta(seconds=min(seconds, JOIN_SECONDS))
    if device == "cuda":
        launch = launched()
        take_gpu(rank if launch is None else launch.local)
    try:
        dist.init_process_group(BACKENDS[device], store=store, rank=rank, world_size=count, timeout=timeout)
    except RuntimeError as error:
        lost = None if board is None else board.lost()
        raise lost or RankLost(f"the processes did not join: {one_line(str(error))}") from None
    distributed_c10d._set_pg_timeout(timedelta(seconds=seconds))
    try:
        yield Team(Ranks(by_rank=parallel["statistics"] == "rank"), seconds, board)
    finally:
        dist.destroy_process_group()


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
