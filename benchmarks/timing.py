"""Time of a call, measured so that other processes on the machine disturb it little."""

import gc
import time
from collections.abc import Callable

import torch


def interleaved(cases: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds per call of each case: the minimum of CPU time over rounds in which every case is called once.

    With one torch thread, after one uncounted call of each. CPU time excludes other processes; with interleaved rounds
    a slow minute affects all cases alike; the minimum is the machine's best. The order of cases alternates, since the
    state of the cache depends on the case before.
    """
    threads, collects = torch.get_num_threads(), gc.isenabled()
    torch.set_num_threads(1)
    try:
        for call in cases.values():
            call()
        gc.disable()
        # objects that are alive now stay alive, so collections need not traverse them in every round
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
    """In order in even rounds, reversed in odd ones."""
    return names[::-1] if round_ % 2 else names


def _seconds(call: Callable[[], object]) -> float:
    started = time.process_time()
    call()
    return time.process_time() - started
