"""llama.cpp's ``moe-trace``: CSV rows ``layer,expert``, the slots of a token one after the other. A file is a document.

Source: ggml-org/llama.cpp, pull request 28544.
"""

from collections.abc import Sequence

import numpy as np

from moe_lab.errors import cut
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import NO_WEIGHTS, Asked, Format, Found, in_order, required


def _guess(source: Source) -> bool:
    if source.kind != "csv":
        return False
    first = source.cells()[0]
    return _is_header(first) or _row(first) is not None


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    required(asked, "experts", "llama.cpp does not say how many experts a layer has")
    k = required(asked, "k", "a row of the file is one expert of one token, and not how many a token selected")
    files = [_layers(source, k) for source in sources]
    for source, layers in zip(sources, files, strict=True):
        if layers.keys() != files[0].keys():
            raise source.error(f"has other layers than {sources[0].path}; import models one by one")
    documents, positions = in_order([len(next(iter(layers.values()))) for layers in files])
    missing = {
        "weights": NO_WEIGHTS,
        "order of choice": "llama.cpp does not say whether slots stand by choice",
        "documents": "the files do not say what a document is: each file is taken for one",
        "token_id": "llama.cpp's trace has no token ids",
    }
    return Found(
        selected={
            f"layer{number}": np.concatenate([layers[number] for layers in files]) for number in sorted(files[0])
        },
        documents=documents,
        positions=positions,
        ranked=False,
        missing=missing,
        parts=[(source, len(next(iter(one.values())))) for source, one in zip(sources, files, strict=True)],
    )


def _layers(source: Source, k: int) -> dict[int, np.ndarray]:
    """Layer -> [tokens, k]. Raises DataError if a layer has another number of tokens, or part of one."""
    cells = source.cells()
    rows = cells[1:] if _is_header(cells[0]) else cells
    found: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        if (pair := _row(row)) is None:
            raise source.error(f"has a row {place} that is {cut(repr(row))}; expected a layer and an expert")
        found.setdefault(pair[0], []).append(pair[1])
    if not found:
        raise source.error("has no rows")
    lengths = {layer: len(experts) for layer, experts in found.items()}
    if len(set(lengths.values())) > 1 or next(iter(lengths.values())) % k:
        few, many = min(lengths, key=lengths.__getitem__), max(lengths, key=lengths.__getitem__)
        raise source.error(
            f"has {lengths[few]} rows of layer {few} and {lengths[many]} of layer {many}; expected the same "
            f"multiple of --k {k} in all"
        )
    return {layer: np.array(experts, dtype=np.int32).reshape(-1, k) for layer, experts in found.items()}


def _is_header(cells: list[str]) -> bool:
    return [cell.strip() for cell in cells] == ["layer", "expert"]


def _row(cells: list[str]) -> tuple[int, int] | None:
    if len(cells) != 2 or not all(cell.strip().isdecimal() and len(cell) < 10 for cell in cells):
        return None
    return int(cells[0]), int(cells[1])


FORMAT = Format(
    name="llama_cpp",
    summary="CSV of llama.cpp's moe-trace: layer,expert",
    takes=frozenset({"experts", "k"}),
    guess=_guess,
    read=_read,
)
