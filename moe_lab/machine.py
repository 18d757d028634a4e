"""The machine that a config is for: its device, and what is global to a process."""

import os

import torch

from moe_lab.config.explain import Config
from moe_lab.errors import ConfigError


def settle(config: Config) -> None:
    """What is global to the process: threads, and algorithms that give the same bits again. Before a GPU is used."""
    torch.set_num_threads(config["trainer"]["threads"])
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # what torch.use_deterministic_algorithms(True) does, without importing the compiler
    torch.set_deterministic_debug_mode("error")
    # nothing reads memory before it is written; to fill it first costs time and changes no number
    # a property of the module, of which the checker does not know
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let the C library keep what a step frees for the next step, where it would hand it back to the system and have
    it mapped anew page by page: glibc keeps blocks up to the size of the largest one freed so far, at most 32 MiB."""
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def device_of(config: Config) -> torch.device:
    """Where a config trains. Raises ConfigError where the device is not there."""
    name = config["device"]
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise ConfigError(f"device={name}: torch finds none on this machine; take device=auto or device=cpu")
    return torch.device(name)
