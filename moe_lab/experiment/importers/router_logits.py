"""``router_logits`` of transformers: an .npz file with an array [T, E] of each layer, as
``np.savez(FILE, *[one.float().numpy() for one in out.router_logits])`` writes it, or [B, S, E] as Switch has them.

With ``input_ids`` [B, S] in the file, each of the B sequences is a document; with ``attention_mask`` [B, S], rows of
padding are left out. What is called logits may be probabilities (no number below 0, rows that sum to 1), or scores of
the selected experts (as many numbers that are not 0 in every row), which say what was selected; logits do not.

Source: huggingface/transformers, ``output_router_logits``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from moe_lab.errors import DataError
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import Asked, Format, Found, required

_IDS, _MASK = "input_ids", "attention_mask"
#: how far a row in half precision may sum to another number than 1
_ROUNDED = 0.02


def _guess(source: Source) -> bool:
    return source.kind == "npz" and all(
        (dtype.kind == "f" and len(shape) in (2, 3)) or name in (_IDS, _MASK)
        for name, (shape, dtype) in source.headers.items()
    )


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    if len(sources) > 1:
        raise sources[1].error("is a second file; import router_logits one file at a time")
    source = sources[0]
    if not _guess(source):
        raise source.error(f"holds other arrays than floats of rows x experts, {_IDS} and {_MASK}")
    layers = {name: _rows(source, name) for name in source.headers if name not in (_IDS, _MASK)}
    if not layers:
        raise source.error("holds no floats of rows x experts")
    shapes = {array.shape for array in layers.values()}
    if len({rows for rows, _ in shapes}) > 1 or min(map(min, shapes)) < 1:
        raise source.error(f"has layers of shapes {sorted(shapes)}; expected one number of rows, at least one")
    for name, array in layers.items():
        if not np.isfinite(array).all():
            raise source.error(f"has numbers in {name} that are infinite or none")
    missing = {"dense layers": "layers are named as in the file: dense ones are not in it, so none is a layer's number"}
    rows = _of_rows(source, next(iter(shapes))[0], missing)
    layers = {name: np.ascontiguousarray(array[rows.kept_T]) for name, array in layers.items()}
    scores = all(map(_are_scores, layers.values()))
    found = _of_scores(layers) if scores else _largest(layers, required(asked, "k", _WHY_K))
    return replace(
        found,
        experts={name: array.shape[1] for name, array in layers.items()},
        documents=rows.documents,
        positions=rows.positions,
        token_ids=rows.token_ids,
        missing={**missing, **found.missing},
    )


class _Rows(NamedTuple):
    """Which rows are kept; and document, position and token of these."""

    kept_T: np.ndarray
    documents: np.ndarray | None = None
    positions: np.ndarray | None = None
    token_ids: np.ndarray | None = None


_WHY_K = (
    "router_logits do not hold what was selected; with --k the largest are taken, which need not be what the model "
    "selected (models with a correction bias, such as DeepSeek-V3, select others)"
)


def _largest(layers: Mapping[str, np.ndarray], k: int) -> Found:
    if k > (fewest := min(array.shape[1] for array in layers.values())):
        raise DataError(f"--k {k}: a layer has {fewest} experts, and a row selects no more than these")
    selected = {name: np.argsort(-array, axis=1, kind="stable")[:, :k] for name, array in layers.items()}
    known = all(map(are_probabilities, layers.values()))
    return Found(
        selected=selected,
        probabilities=layers if known else None,
        logits=None if known else layers,
        missing={
            "selection": f"the {k} largest of router_logits are taken for the selected experts; the model may differ",
            "weights": "router_logits do not say what the model makes of them",
        },
    )


def _of_scores(layers: Mapping[str, np.ndarray]) -> Found:
    count = {name: int((array[0] != 0).sum()) for name, array in layers.items()}
    selected = {name: np.argsort(-one, axis=1, kind="stable")[:, : count[name]] for name, one in layers.items()}
    return Found(
        selected=selected,
        weights={name: np.take_along_axis(array, selected[name], 1) for name, array in layers.items()},
        missing={"distributions": "the file holds the scores of the selected experts alone"},
    )


def are_probabilities(array: np.ndarray) -> bool:
    """Whether every row is a distribution, whatever the file or model calls it."""
    return bool((array >= 0).all() and (np.abs(array.sum(1, dtype=np.float64) - 1) < _ROUNDED).all())


def _are_scores(array: np.ndarray) -> bool:
    """As many numbers above 0 in every row, and 0 elsewhere."""
    count_T = (array != 0).sum(1)
    return bool((array >= 0).all() and 0 < count_T[0] < array.shape[1] and (count_T == count_T[0]).all())


def _rows(source: Source, name: str) -> np.ndarray:
    array = source.array(name)
    return array.reshape(-1, array.shape[-1]) if array.shape[-1] else array.reshape(0, 0)


def _of_rows(source: Source, rows: int, missing: dict[str, str]) -> _Rows:
    """As far as the file tells. Raises DataError if its arrays are of other sequences."""
    sizes = {name: source.headers[name] for name in (_IDS, _MASK) if name in source.headers}
    for name, (shape, dtype) in sizes.items():
        if len(shape) != 2 or shape[0] * shape[1] != rows or dtype.kind not in "iub":
            raise source.error(f"has {name} of shape {shape}; expected sequences x tokens, {rows} together")
    shapes = {shape for shape, _ in sizes.values()}
    shapes |= {shape[:2] for shape, _ in source.headers.values() if len(shape) == 3}
    if len(shapes) > 1:
        raise source.error(f"has arrays of {' and of '.join(map(str, sorted(shapes)))} sequences x tokens")
    kept_T = source.array(_MASK).reshape(-1) != 0 if _MASK in sizes else np.ones(rows, dtype=bool)
    if not kept_T.any():
        raise source.error(f"has an {_MASK} that leaves no row")
    if _MASK not in sizes:
        missing["padding"] = f"the file has no {_MASK}, so rows of padding, which are routed too, are counted"
    if not shapes:
        return _Rows(kept_T)
    number_T, length = np.flatnonzero(kept_T), next(iter(shapes))[1]
    token_ids = source.array(_IDS).reshape(-1)[kept_T] if _IDS in sizes else None
    return _Rows(kept_T, number_T // length, number_T % length, token_ids)


FORMAT = Format(
    name="router_logits",
    summary=".npz of transformers' router_logits: floats of rows x experts for each layer",
    takes=frozenset({"k"}),
    guess=_guess,
    read=_read,
)
