"""The machine that a run runs on: its device, and what is set for the whole process."""

import os
from typing import Any

import torch

from moe_lab.errors import ConfigError

Config = dict[str, Any]


def settle(config: Config) -> None:
    """What is global to the process: threads, and algorithms that give the same bits again. Before a GPU is used."""
    torch.set_num_threads(config["trainer"]["threads"])
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # what torch.use_deterministic_algorithms(True) does, without importing the compiler
    torch.set_deterministic_debug_mode("error")
    # to fill what nothing reads before it is written costs time (mypy does not see that the module has this property)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let the C library keep what a step frees for the next step, where it would hand it back to the system and have
    it mapped anew page by page: glibc keeps blocks up to the size of the largest one freed so far, at most 32 MiB."""
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def device_of(config: Config) -> torch.device:
    """The device that a config names. Raises ConfigError where it is not there."""
    name = config["device"]
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise ConfigError(f"device={name}: torch finds none on this machine; take device=auto or device=cpu")
    return torch.device(name)
