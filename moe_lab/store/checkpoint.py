"""Checkpoints: the newest complete state of a run and the one before it. They are read with ``weights_only=True``."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import IO, Any, cast

import torch
from torch import Tensor

from moe_lab.errors import RunError
from moe_lab.store.atomic import temporary, write_with
from moe_lab.store.untrusted import Unusable, inside, read_tensors

NEWEST = "checkpoint.pt"
PREVIOUS = "checkpoint.previous.pt"
#: upper bounds for a file that a stranger may have written
MOST_CLASSES = 1_000_000


def save(folder: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (tensors, numbers, text, lists and dicts of them) and keep the previous file. Nothing is moved
    until the new file is complete, so a full disk leaves both files intact."""
    write_with(folder / NEWEST, partial(_write, state), keep=folder / PREVIOUS)


def _write(state: dict[str, Any], file: IO[bytes]) -> None:
    disk = _Disk(file)
    torch.save(state, cast(IO[bytes], disk))
    if disk.error is not None:
        raise disk.error


class _Disk:
    """A file that keeps the first error of the disk, because torch's writer would hide it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, content: bytes) -> int:
        if self.error is None:
            try:
                self._file.write(content)
            except OSError as error:
                self.error = error
        return len(content)

    def flush(self) -> None:
        """Left to the file's owner."""


def mapped(folder: Path, size: tuple[int, ...], /, *, dtype: torch.dtype) -> Tensor:
    """A tensor whose numbers are in a file without a name, on the disk of ``folder``: it may be larger than the memory
    that a process may have. Raises OSError if the disk has no room."""
    handle, path = temporary(folder / NEWEST)
    try:
        with os.fdopen(handle, "wb") as file:
            # without room on the disk, the first access would end the process
            os.posix_fallocate(file.fileno(), 0, max(1, prod(size) * dtype.itemsize))
        return torch.from_file(path, shared=True, size=prod(size), dtype=dtype).view(size)
    finally:
        os.unlink(path)


def load(folder: Path, device: str | torch.device = "cpu", *, in_file: bool = False) -> dict[str, Any]:
    """The newest undamaged state. Raises RunError if there is none. ``in_file``: as ``read_tensors``."""
    return _newest(folder, device, in_file)[0]


def take_up(folder: Path, *, in_file: bool = False) -> tuple[dict[str, Any], str]:
    """The newest undamaged state, to resume from, and a few words about a damaged file, if there is one.

    A damaged newest file is replaced by the one before it. Otherwise the next ``save`` would overwrite the good file
    with the damaged one. Raises RunError as ``load`` does.
    """
    state, problems = _newest(folder, "cpu", in_file)
    if problems and (folder / NEWEST).exists():
        os.replace(folder / PREVIOUS, folder / NEWEST)
    return state, "; ".join(problems)


def _newest(folder: Path, device: str | torch.device, in_file: bool) -> tuple[dict[str, Any], list[str]]:
    problems: list[str] = []
    for name in (NEWEST, PREVIOUS):
        try:
            return read_tensors(inside(folder / name), device, in_file=in_file), problems
        except FileNotFoundError:
            problems.append(f"{name} is missing")
        except Unusable as error:
            problems.append(f"{name} {error}")
    raise RunError(
        f"{folder} has no usable checkpoint: {'; '.join(problems)}; remove what is there to train from the start"
    )


def of_data(
    shape: Sequence[int], class_names: Sequence[str], units: dict[str, Any], content: Mapping[str, str]
) -> dict[str, Any]:
    """The facts about the data that a state stores, so that its model can be built and used without the data. ``units``
    come from ``Units.stored``, ``content`` from ``Dataset.content``."""
    names = list(class_names)
    facts = {"shape": list(shape), "classes": len(names), "class_names": names, "units": units}
    return {**facts, "content": dict(content)} if content else facts


def described(state: dict[str, Any]) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    """The shape of one sample and the names of the classes, as ``of_data`` stores them; None if they are missing.
    States of earlier versions have no names: their classes are named by number."""
    shape, classes = state.get("shape"), state.get("classes")
    if not isinstance(shape, list) or not isinstance(classes, int) or not 0 <= classes <= MOST_CLASSES:
        return None
    if not shape or not all(isinstance(size, int) and size >= 1 for size in shape):
        return None
    names = state.get("class_names")
    if isinstance(names, list) and len(names) == classes and all(isinstance(name, str) for name in names):
        return tuple(shape), tuple(names)
    return tuple(shape), tuple(map(str, range(classes)))


def content_of(state: dict[str, Any]) -> dict[str, str]:
    """The facts besides the options of the data set that decide its content, as ``of_data`` stores them."""
    content = state.get("content")
    return {str(name): str(value) for name, value in content.items()} if isinstance(content, dict) else {}


def there(folder: Path) -> bool:
    """Whether a state has ever been saved."""
    return (folder / NEWEST).exists() or (folder / PREVIOUS).exists()


def remove(folder: Path) -> None:
    for name in (PREVIOUS, NEWEST):
        (folder / name).unlink(missing_ok=True)
