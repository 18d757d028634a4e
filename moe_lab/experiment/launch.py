"""The processes that torchrun, or srun of Slurm, has started together, seen from one of them."""

import os
import re
from dataclasses import dataclass

#: ports for Slurm's steps, by the number of their job: clear of well-known and of ephemeral ones
_PORTS = range(15_000, 20_000)


@dataclass(frozen=True)
class Launch:
    """This process is number ``rank`` of ``count``, which ``by`` has started, and number ``local`` on its machine; they
    meet at ``url``."""

    by: str
    rank: int
    count: int
    url: str
    local: int


def launched() -> Launch | None:
    """How this process was started with others, by the environment; None if it was started alone."""
    env = os.environ
    if {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= env.keys():
        return _launch("torchrun", env["RANK"], env["WORLD_SIZE"], "env://", env.get("LOCAL_RANK"))
    # a script of sbatch has SLURM_PROCID and SLURM_NTASKS too; only srun has a step's
    if {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NODELIST"} <= env.keys():
        port = env.get("MASTER_PORT", str(_PORTS[int(env.get("SLURM_JOB_ID", "0")) % len(_PORTS)]))
        address = env.get("MASTER_ADDR", _first_host(env["SLURM_STEP_NODELIST"]))
        rank, count = env["SLURM_PROCID"], env["SLURM_STEP_NUM_TASKS"]
        url = f"tcp://{address}:{port}?rank={rank}&world_size={count}"
        return _launch("srun", rank, count, url, env.get("SLURM_LOCALID"))
    return None


def _launch(by: str, rank: str, count: str, url: str, local: str | None) -> Launch | None:
    if not (rank.isdigit() and count.isdigit()) or int(count) == 1:
        return None
    return Launch(by, int(rank), int(count), url, int(local or rank))


def _first_host(nodes: str) -> str:
    """The first of a list as Slurm writes it: ``a[003-005,7],b`` is a003, a004, a005, a7 and b."""
    return re.sub(r"\[(\w+)[^\]]*\]", r"\1", nodes).split(",")[0]
