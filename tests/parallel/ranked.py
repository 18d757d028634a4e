"""Runs cases of a test in a group of processes, all of them in one, because a process takes seconds to import torch."""

import socket
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from moe_lab.layers.ranks import Ranks

Case = Callable[[Ranks], None]


def run_cases(cases: dict[str, Case], processes: int, folder: Path) -> dict[str, list[str]]:
    """What went wrong in each case on each of the ranks; empty text where nothing did."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    mp.spawn(_rank, (cases, processes, port, folder), nprocs=processes)
    said = [torch.load(folder / f"rank{rank}.pt") for rank in range(processes)]
    return {name: [one[name] for one in said] for name in cases}


def _rank(rank: int, cases: dict[str, Case], processes: int, port: int, folder: Path) -> None:
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", address, timedelta(seconds=60), processes, rank)
    torch.save({name: _outcome(case) for name, case in cases.items()}, folder / f"rank{rank}.pt")
    # a rank that leaves while another still talks to it ends that one with SIGABRT, now and then
    dist.barrier()
    dist.destroy_process_group()


def _outcome(case: Case) -> str:
    try:
        case(Ranks())
    except Exception:
        return traceback.format_exc()
    return ""
