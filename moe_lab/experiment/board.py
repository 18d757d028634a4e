"""What the processes of a run tell each other besides what they compute: who they are, that they live, what is to be
done next, and what went wrong. torch's store holds it."""

import itertools
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

from torch._C._distributed_c10d import PrefixStore, Store, TCPStore

from moe_lab.errors import RankLost

#: seconds between two signs of life, and seconds without one after which a process counts as silent
BEAT, SILENCE = 0.5, 3.0
#: seconds between two looks for a next task
_LOOK = 0.05


class Board:
    """The board of ``count`` processes, of which number 0 leads and the others follow.

    children: the processes that follow, if the leading one has started them.
    """

    def __init__(self, store: TCPStore, count: int, children: Sequence[BaseProcess] = ()) -> None:
        self._store = store
        self.count = count
        self._children = children
        self._sent = 0

    def send(self, task: dict[str, Any]) -> Store:
        """Give the followers a task; the store in which they meet for it."""
        number, self._sent = self._sent, self._sent + 1
        self._store.set(f"task/{number}", json.dumps(task))
        return self._meeting(number)

    def end(self) -> None:
        """Let the followers go."""
        self._store.set(f"task/{self._sent}", json.dumps(None))

    def wait_for_all(self, prefix: str, seconds: float, store: Store | None = None) -> None:
        """Wait until every follower has set its ``prefix``: ``joins`` in the ``store`` of a task, ``gone`` on the board
        itself. Raises RankLost if one fails or ends before that, or takes longer than ``seconds``."""
        until = time.monotonic() + seconds
        for rank in range(1, self.count):
            while not (store or self._store).check([f"{prefix}/{rank}"]):
                # looked at first, because a follower that fails says so and then ends
                how = self._ended(rank)
                if (failed := self._failed()) is not None:
                    raise failed
                if how is not None:
                    raise RankLost(f"rank {rank} (process {self._children[rank - 1].pid}) ended by {how}")
                if time.monotonic() > until:
                    raise RankLost(f"rank {rank} did not start within {seconds:g} seconds")
                time.sleep(_LOOK)

    def tasks(self, rank: int) -> Iterator[tuple[dict[str, Any], Store]]:
        """Of a follower: the tasks that it is sent, until it is let go; each with the store in which to meet."""
        self._store.set(f"here/{rank}", json.dumps([os.getpid(), socket.gethostname()]))
        for number in itertools.count():
            while not self._store.check([f"task/{number}"]):
                time.sleep(_LOOK)
            task = json.loads(self._store.get(f"task/{number}"))
            if task is None:
                self._store.set(f"gone/{rank}", "")
                return
            yield task, self._meeting(number)

    def failed(self, rank: int, error: BaseException) -> None:
        """Of a follower: that it ends, and why."""
        text = " ".join(f"{type(error).__name__}: {error}".split())
        self._store.set(f"failed/{self._store.add('failed', 1)}", json.dumps([rank, text]))

    @contextmanager
    def living(self, rank: int) -> Iterator[None]:
        """Of a follower: give signs of life. It ends at once if there is nobody left to see them."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(rank, over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _beat(self, rank: int, over: threading.Event) -> None:
        # a connection of its own: the other one may be waiting
        store = TCPStore(self._store.host, self._store.port, is_master=False, wait_for_workers=False)
        while not over.wait(BEAT):
            try:
                store.add(f"beat/{rank}", 1)
            except RuntimeError:
                os._exit(1)

    def lost(self) -> RankLost | None:
        """Which follower is gone, silent or has failed, and how; None if all are alive. Waits for some seconds. One
        that has failed because of another that is silent is not named."""
        before = self._beats()
        time.sleep(SILENCE)
        failed = [rank for rank, _ in self._failures()]
        for rank, (earlier, now) in enumerate(zip(before, self._beats(), strict=True), 1):
            if rank in failed:
                continue
            if (how := self._ended(rank)) is not None:
                return RankLost(f"{self._name(rank)} ended by {how}")
            if earlier == now:
                return RankLost(f"{self._name(rank)} does not answer")
        return self._failed()

    def _failed(self) -> RankLost | None:
        """Which follower was the first to fail."""
        for rank, text in self._failures():
            return RankLost(f"{self._name(rank)} failed: {text}")
        return None

    def _failures(self) -> Iterator[tuple[int, str]]:
        for number in range(self._store.add("failed", 0)):
            rank, text = json.loads(self._store.get(f"failed/{number + 1}"))
            yield rank, text

    def _beats(self) -> list[int]:
        return [self._store.add(f"beat/{rank}", 0) for rank in range(1, self.count)]

    def _name(self, rank: int) -> str:
        process, host = json.loads(self._store.get(f"here/{rank}"))
        where = "" if host == socket.gethostname() else f" on {host}"
        return f"rank {rank} (process {process}{where})"

    def _ended(self, rank: int) -> str | None:
        """How a child has ended; None if it has not, or was started by others."""
        code = self._children[rank - 1].exitcode if self._children else None
        if code is None:
            return None
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _meeting(self, number: int) -> Store:
        return PrefixStore(f"meeting/{number}", self._store)
