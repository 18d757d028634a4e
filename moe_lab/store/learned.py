"""The result of a finished run's training: its config and the state of its learner."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from moe_lab.errors import ConfigError
from moe_lab.store.moved import as_now
from moe_lab.store.untrusted import inside, read_tensors, read_text, read_yaml


def read_run(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Experts, baseline and classes of a finished run's config, and the state of its learner. Files are read, no code
    of the folder is run.

    Raises ConfigError if there is no such run.
    """
    try:
        config = as_now(read_yaml(read_text(inside(folder / "config.yaml"))))
        state = dict(read_tensors(inside(folder / "checkpoint.pt"))["learner"])
        classes = [int(one) for one in config.get("classes") or ()]
        return {
            "experts": dict(config["experts"]),
            "baseline": config.get("baseline"),
            "classes": classes or None,
        }, state
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{folder} is no finished run that networks could be taken from ({reason})") from None


def digest(folder: Path) -> str:
    """Hex SHA-256 of a finished run's learned tensors: their names, types, shapes and values. Raises ConfigError as
    ``read_run`` does."""
    _, state = read_run(folder)
    hashed = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        hashed.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        hashed.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()
