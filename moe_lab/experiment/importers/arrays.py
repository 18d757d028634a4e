"""Arrays of the selected experts, .npy or .npz: [rows, layers, slots], or [rows, slots] of each layer by its name.

Besides them an .npz file may have ``documents``, ``token_ids``, ``positions`` (one a row) and ``weights`` (in the shape
[rows, layers, slots]). Several files, or those of a folder, are a document each, unless they say otherwise.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import NO_WEIGHTS, Asked, Format, Found, in_order, required, stacked

_ROWS = ("documents", "token_ids", "positions")


def _guess(source: Source) -> bool:
    return source.kind in ("npy", "npz")


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    experts = required(asked, "experts", "arrays of selected experts do not say how many experts a layer has")
    missing: dict[str, str] = {}
    names = [_layers(source) for source in sources]
    arrays = [(source, _selected(source, layers)) for source, layers in zip(sources, names, strict=True)]
    selected = stacked(arrays, experts, missing)
    kept = [int(name.removeprefix("layer")) for name in selected]
    weights = _together("weights", sources)
    if weights is None:
        missing["weights"] = NO_WEIGHTS
    elif weights.shape != (sum(len(array) for _, array in arrays), *arrays[0][1].shape[1:]):
        raise sources[0].error(f"has weights of shape {weights.shape}; expected that of the selected experts")
    rows = {name: _together(name, sources) for name in _ROWS}
    if rows["documents"] is None and len(sources) > 1:
        rows["documents"] = in_order([len(array) for _, array in arrays])[0]
        missing["documents"] = "the files do not say what a document is: each file is taken for one"
    called = [names[0][number] for number in kept] if names[0] else list(selected)
    return Found(
        selected=dict(zip(called, selected.values(), strict=True)),
        weights=None if weights is None else {name: weights[:, n] for name, n in zip(called, kept, strict=True)},
        missing=missing,
        parts=[(source, len(array)) for source, array in arrays],
        **rows,
    )


def _layers(source: Source) -> list[str]:
    """The names of a file's arrays of one layer each; none if one array holds all layers."""
    if not _guess(source):
        raise source.error("is no .npy or .npz file")
    return [name for name, (shape, dtype) in source.headers.items() if len(shape) == 2 and dtype.kind in "iu"]


def _selected(source: Source, layers: list[str]) -> np.ndarray:
    whole = [name for name, (shape, dtype) in source.headers.items() if len(shape) == 3 and dtype.kind in "iu"]
    if len(whole) == 1 and not layers:
        found = source.array(whole[0])
    elif layers and not whole and len({source.headers[name][0] for name in layers}) == 1:
        found = np.stack([source.array(name) for name in layers], axis=1)
    else:
        shapes = ", ".join(f"{name} {dtype} {shape}".strip() for name, (shape, dtype) in source.headers.items())
        raise source.error(
            f"holds {shapes}; expected one integer array of rows x layers x slots, or one of rows x slots a layer"
        )
    if not found.size:
        raise source.error("has no rows")
    return found


def _together(name: str, sources: Sequence[Source]) -> Any:
    """What every file has under this name, one below the other; None if one has it not."""
    if not all(name in source.headers for source in sources):
        return None
    return np.concatenate([source.array(name) for source in sources])


FORMAT = Format(
    name="arrays",
    summary=".npy or .npz: integers of rows x layers x slots, or of rows x slots for each layer",
    takes=frozenset({"experts"}),
    guess=_guess,
    read=_read,
)
