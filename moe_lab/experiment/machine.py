"""Settings of the machine: the device, and what is set for the whole process."""

import ctypes
import os
from typing import Any

import torch

from moe_lab.errors import ConfigError

Config = dict[str, Any]

#: how processes exchange tensors on each type of device; small numbers are on the CPU always
BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}
#: of glibc's malloc.h: blocks that are mapped one by one, and how much free memory at the heap's end goes back
_M_MMAP_MAX, _M_TRIM_THRESHOLD = -4, -1


def settle(config: Config) -> None:
    """Set the threads and deterministic algorithms of the whole process. To be called before a GPU is used."""
    torch.set_num_threads(config["trainer"]["threads"])
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # what torch.use_deterministic_algorithms(True) does, without importing the compiler
    torch.set_deterministic_debug_mode("error")
    # to fill what nothing reads before it is written costs time (mypy does not see that the module has this property)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Let the C library keep freed memory for the next step instead of returning large blocks to the system, which
    would map them again page by page (glibc's mallopt; other libraries are unchanged).
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, -1)


def device_of(config: Config) -> torch.device:
    """The device that a config names. Raises ConfigError if this machine has none."""
    name = config["device"]
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise ConfigError(f"device={name}: torch finds none on this machine; take device=auto or device=cpu")
    return torch.device(name)


def take_gpu(number: int) -> None:
    """Make a GPU the one of this process, number ``number`` on its machine. Raises ConfigError if it has fewer."""
    if number >= (count := torch.cuda.device_count()):
        raise ConfigError(f"process {number + 1} of this machine needs a GPU of its own, and torch finds {count}")
    torch.cuda.set_device(number)
