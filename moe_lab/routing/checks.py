"""Checks of a trace's arrays. Each raises RunError, which states what was found and what was expected."""

import re
from collections.abc import Sequence

import numpy as np

from moe_lab.errors import RunError, cut

#: allowed names of a label, which become names of arrays in a file
LABEL_NAME = re.compile(r"\w[\w .+-]{0,99}")


def check_label_name(name: str) -> None:
    """Raise RunError unless a label's name has only letters and digits of any script, blanks and a few signs, so that
    it is no path and no pattern."""
    if not LABEL_NAME.fullmatch(name):
        raise RunError(
            f"{cut(name)!r} cannot name a label: use letters, digits, '_', and after the first ' ', '.', '+' and '-' "
            "(at most 100)"
        )


def check_texts(what: str, texts: Sequence[str]) -> None:
    if not all(isinstance(text, str) for text in texts) or len(set(texts)) < len(texts):
        raise RunError(f"{what} have to be texts, and each different from the others")


def check_length(what: str, array: np.ndarray, length: int) -> None:
    if len(array) != length:
        raise RunError(f"{what}: {len(array)} values; expected {length}")


def check_integers(what: str, array: np.ndarray, axes: int, low: int, end: int) -> np.ndarray:
    """The array, checked. Raises RunError unless its values are integers in low .. end - 1 and it has ``axes`` axes."""
    if not isinstance(array, np.ndarray) or array.ndim != axes or array.dtype.kind not in "iu":
        raise RunError(f"{what}: {_described(array)}; expected integers with {axes} axes")
    if array.size and not (low <= int(array.min()) and int(array.max()) < end):
        raise RunError(f"{what}: numbers {array.min()} to {array.max()}; expected {low} to {end - 1}")
    return array


def check_floats(
    what: str, array: np.ndarray, shape: tuple[int, ...], *, low: float | None = None, missing: bool = False
) -> None:
    """Raises RunError if type or shape differ, or a number is infinite, too low, or NaN; ``missing`` allows NaN."""
    if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype.kind != "f":
        raise RunError(f"{what}: {_described(array)}; expected floats of shape {shape}")
    if np.isinf(array).any() or (not missing and np.isnan(array).any()):
        raise RunError(f"{what} hold infinite numbers{'' if missing else ' or NaN'}")
    if low is not None and (array < low).any():
        raise RunError(f"{what}: a number {np.nanmin(array):g}; expected at least {low:g}")


def _described(array: object) -> str:
    return f"{array.dtype} of shape {array.shape}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
