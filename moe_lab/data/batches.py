"""CIFAR's batches: dicts pickled by Python 2, read without running any code from the file.

A pickle may name any function to be called. Here it may name three of NumPy's, and stand-ins that only record the
values are called in their place, so the result does not depend on NumPy or its version.
"""

import io
import pickle
from typing import Any

import numpy as np


def read_batch(content: bytes) -> dict[str, Any]:
    """The dict in the bytes of a batch: text as ``bytes``, numbers, lists, and uint8 arrays.

    Raises pickle.UnpicklingError if the bytes name anything but an array of unsigned bytes.
    """
    try:
        batch = _Reader(io.BytesIO(content), encoding="bytes").load()
    except (AttributeError, EOFError, IndexError, KeyError, MemoryError, TypeError, ValueError) as error:
        raise pickle.UnpicklingError(f"no pickled batch ({type(error).__name__})") from None
    if not isinstance(batch, dict):
        raise pickle.UnpicklingError("expected a dict")
    return {key.decode(): value.values if isinstance(value, _StoredArray) else value for key, value in batch.items()}


class _StoredType:
    """Stands in for numpy.dtype; its later state is the byte order, which single bytes do not have."""

    def __init__(self, text: bytes, align: int, copy: int) -> None:
        if text != b"u1":
            raise pickle.UnpicklingError(f"expected arrays of unsigned bytes, found the type {text!r}")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        pass


class _StoredArray:
    """Stands in for numpy.ndarray and for the function that makes an empty one, whose values follow as its state."""

    def __init__(self, kind: type, shape: tuple[int, ...], code: bytes) -> None:
        self.values = np.empty(0, dtype=np.uint8)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, _, by_columns, content = state
        self.values = np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if by_columns else "C")


_STAND_INS = {
    ("numpy.core.multiarray", "_reconstruct"): _StoredArray,
    ("numpy", "ndarray"): _StoredArray,
    ("numpy", "dtype"): _StoredType,
}


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> type:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"expected arrays, lists and text, found a call of {module}.{name}")
        return _STAND_INS[module, name]
