"""Time of a call, measured so that other processes on the machine disturb it least."""

import gc
import time
from collections.abc import Callable

import torch


def interleaved(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds a call of each case: the minimum of CPU time over rounds in which every case is called once.

    On one torch thread, after one call of each that is not counted. CPU time leaves out what other processes take;
    that rounds are interleaved lets a slow minute hit all cases alike; the minimum is what the machine can do. A case
    does not follow the same case in every round, since what it finds in the cache depends on that.
    """
    threads, collects = torch.get_num_threads(), gc.isenabled()
    torch.set_num_threads(1)
    try:
        for call in cases.values():
            call()
        gc.disable()
        # what is alive now stays so: a collection need not look at it in every round
        gc.freeze()
        best = dict.fromkeys(cases, float("inf"))
        for round_ in range(rounds):
            for name in _turned(list(cases), round_):
                best[name] = min(best[name], _seconds(cases[name]))
            gc.collect()
        return best
    finally:
        torch.set_num_threads(threads)
        gc.unfreeze()
        if collects:
            gc.enable()


def _turned(names: list[str], round_: int) -> list[str]:
    """Forwards in even rounds, backwards in odd ones."""
    return names[::-1] if round_ % 2 else names


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started
