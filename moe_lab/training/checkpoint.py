"""Checkpoints: the newest complete state of a run, and the one before it. Read with ``weights_only=True`` only."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import torch

from moe_lab.errors import RunError
from moe_lab.store.atomic import write_with
from moe_lab.untrusted import Unusable, inside, read_tensors

NEWEST = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text, lists and dicts of them) and keep the file before it."""
    # through memory: torch's own writer hides what went wrong with the disk
    buffer = io.BytesIO()
    torch.save(state, buffer)
    newest = folder / NEWEST
    if newest.exists():
        os.replace(newest, folder / PREVIOUS)
    write_with(newest, lambda file: file.write(buffer.getbuffer()))


def load(folder: Path, device: str | torch.device = "cpu") -> dict[str, Any]:
    """The newest state that can be read. Raises RunError where there is none."""
    problems = []
    for path in (folder / NEWEST, folder / PREVIOUS):
        if not path.exists():
            problems.append(f"{path.name} is missing")
        elif not zipfile.is_zipfile(path):
            problems.append(f"{path.name} is torn or no checkpoint")
        else:
            try:
                return read_tensors(inside(path), device)
            except Unusable as error:
                problems.append(f"{path.name} {error}")
    raise RunError(f"{folder} has no usable checkpoint: {'; '.join(problems)}")


def there(folder: Path) -> bool:
    """Whether a state has ever been saved."""
    return (folder / NEWEST).exists() or (folder / PREVIOUS).exists()


def remove(folder: Path) -> None:
    for name in (NEWEST, PREVIOUS):
        (folder / name).unlink(missing_ok=True)
