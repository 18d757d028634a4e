"""The routing found in files, and functions that all formats share.

Axes: **T** rows, **L** layers, **K** slots, **E** experts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from moe_lab.errors import DataError, cut
from moe_lab.experiment.importers.files import Source
from moe_lab.routing.trace import NONE


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Facts given by the user: experts of a layer, layers of the file, selected experts of a row, and the number of
    rows to read.
    """

    experts: int | None = None
    layers: int | None = None
    k: int | None = None
    rows: int | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """The content of the files in the form that ``moe_lab.Trace`` takes; ``missing``: what they lack, and why.

    selected: layer -> integers [T, K], NONE in an empty slot. documents: of each row, None if the files do not tell.
    experts: of each layer, None if the user has to say. parts: the sources of the rows in order, each with its number
    of rows; none if the rows are not one source after the other.
    """

    selected: Mapping[str, np.ndarray]
    experts: Mapping[str, int] | None = None
    documents: Any = None
    ranked: bool = True
    weights: Mapping[str, np.ndarray] | None = None
    probabilities: Mapping[str, np.ndarray] | None = None
    logits: Mapping[str, np.ndarray] | None = None
    token_ids: np.ndarray | None = None
    positions: np.ndarray | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[tuple[Source, int]] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """A file format: its name, a line of description, a test of whether a file has it, and its reader.

    takes: the fields of Asked that the files do not contain; others are refused.
    """

    name: str
    summary: str
    takes: frozenset[str]
    guess: Callable[[Source], bool]
    read: Callable[[Sequence[Source], Asked], Found]


#: why there are no weights, for formats of selected experts alone
NO_WEIGHTS = "the format has the selected experts alone"
#: why a served document is a row shorter than its text
LAST_TOKEN = "a document's last token was generated and never fed, so it was not routed and has no row"


def whole_number(source: Source, record: Mapping[str, Any], name: str) -> int:
    """Raises DataError unless it is an integer of at least 0."""
    value = record.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise source.error(f"has {name} = {cut(repr(value))}; expected a whole number")
    return value


def integers(source: Source, what: str, value: Any, axes: int) -> np.ndarray:
    """Nested lists as integers. Raises DataError if they are ragged, too deep or hold other values."""
    try:
        array = np.array(value)
    except ValueError:
        raise source.error(f"has {what} with rows of different lengths") from None
    if array.size == 0 or array.ndim != axes or array.dtype.kind not in "iu":
        raise source.error(f"has {what} of shape {array.shape} and type {array.dtype}; expected integers, {axes} axes")
    return array


def stacked(
    arrays: Sequence[tuple[Source, np.ndarray]], experts: int, missing: dict[str, str]
) -> dict[str, np.ndarray]:
    """Layer -> [T, K] of arrays [rows, L, K] one below the other. A layer that holds 0 alone is a dense one and is left
    out; a row of 0 in several slots was not recorded and gets none. Says so in ``missing``.

    Raises DataError if they differ in L or K, or no layer is left.
    """
    first = arrays[0][1]
    for source, array in arrays:
        if array.shape[1:] != first.shape[1:]:
            raise source.error(
                f"has rows of {array.shape[1]} layers x {array.shape[2]} slots, and {arrays[0][0].path} of "
                f"{first.shape[1]} x {first.shape[2]}; import models one by one"
            )
    whole_TLK = np.concatenate([_signed(source, array, experts) for source, array in arrays])
    dense = [number for number in range(first.shape[1]) if not whole_TLK[:, number].any()]
    if len(dense) == first.shape[1]:
        raise arrays[0][0].error("holds 0 alone: nothing was recorded")
    if dense:
        missing["dense layers"] = without_routing(dense, first.shape[1], 0)
    if first.shape[2] > 1:
        blank_TL = np.equal(whole_TLK, 0).all(axis=2) & ~np.isin(np.arange(first.shape[1]), dense)
        whole_TLK[blank_TL] = NONE
        if blank_TL.any():
            missing["rows of 0"] = (
                f"{blank_TL.mean():.1%} of rows and layers hold 0 in every slot: they were not recorded, and are empty"
            )
    kept = [number for number in range(first.shape[1]) if number not in dense]
    return {f"layer{number}": np.ascontiguousarray(whole_TLK[:, number]) for number in kept}


def without_routing(layers: Sequence[int], count: int, held: int) -> str:
    """The sentence on layers of a file, of ``count``, that hold one number alone."""
    if len(layers) == 1:
        text = f"layer {layers[0]} of 0 to {count - 1} in the file holds {held} alone, as a dense layer does, and is"
    else:
        numbers = f"{', '.join(map(str, layers[:-1]))} and {layers[-1]}"
        text = f"layers {numbers} of 0 to {count - 1} in the file hold {held} alone, as dense layers do, and are"
    return f"{text} left out"


def in_order(lengths: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Document and position of each row, of documents of these lengths one after the other."""
    documents = np.repeat(np.arange(len(lengths)), lengths)
    return documents, np.concatenate([np.arange(length) for length in lengths])


def required(asked: Asked, name: str, why: str) -> int:
    """Raises DataError if the user has not said it."""
    value = getattr(asked, name)
    if value is None:
        raise DataError(f"--{name} is missing: {why}; add --{name} N")
    return value


def _signed(source: Source, array: np.ndarray, experts: int) -> np.ndarray:
    """A copy that can hold -1, which is the largest value of a type without a sign, if no expert has that number."""
    if int(array.max()) >= 2**31 or int(array.min()) < NONE:
        raise source.error(f"has experts {array.min()} to {array.max()}; expected -1 to {experts - 1}")
    signed = array.astype(np.int32)
    most = np.iinfo(array.dtype).max
    if array.dtype.kind == "u" and most >= experts:
        signed[array == most] = NONE
    return signed
