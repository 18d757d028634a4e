"""The files of a run folder of kind ``trace``: their content, writing and reading.

trace.json is the header (moe_lab/store/trace_header.py). rows.npz, documents.npz and layers.npz hold the arrays below;
those of a layer are stored under its number, ``00/experts``, so that no name from a stranger becomes a path. Axes: T
rows, D documents, K slots and E experts of a layer, S rows of a sample.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from moe_lab.errors import RunError, cut
from moe_lab.store.atomic import checksum, clear_leftovers, settle, write_json, write_npz
from moe_lab.store.run import Run
from moe_lab.store.status import StatusFile

if TYPE_CHECKING:
    from moe_lab.store.trace_header import Header, LayerHeader

Arrays = Mapping[str, np.ndarray]
#: layout: array -> its axes and its type
Layout = Mapping[str, tuple[str, str]]

HEADER = "trace.json"
FORMAT: Final = 1
#: the reason in ``missing`` if none was given
NOT_GIVEN = "not given"
#: the most rows of a layer whose full distributions are stored
SAMPLE = 20_000
ROWS: Layout = {
    "document": ("T", "int32"),
    "position": ("T", "int32"),
    "token_id": ("T", "int32"),
    "loss": ("T", "float32"),
}
#: besides ``experts`` [T, K], the narrowest unsigned integers
LAYER: Layout = {
    "weights": ("TK", "float16"),
    "sample": ("S", "int32"),
    "probabilities": ("SE", "float16"),
    "logits": ("SE", "float16"),
    "usage": ("E", "float64"),
    "entropy": ("T", "float32"),
}
#: arrays that every trace has
REQUIRED = ("document", "experts")


@dataclass(frozen=True)
class TraceFiles:
    """The content of the four files, under the names used there. Raises RunError if an array is missing, or has another
    shape or type than the header and the layout state."""

    header: "Header"
    rows: Arrays
    documents: Arrays
    layers: Arrays

    def __post_init__(self) -> None:
        sizes = {"T": self.header["rows"], "D": self.header["documents"]}
        _check("rows.npz", self.rows, rows_layout(self.header), sizes)
        _check("documents.npz", self.documents, documents_layout(self.header), sizes)
        for number, layer in enumerate(self.header["layers"]):
            sizes = {"T": self.header["rows"], "E": layer["experts"], "K": layer["slots"]}
            _check("layers.npz", self.layers, layer_layout(number, layer), sizes)

    def of_layer(self, number: int) -> dict[str, np.ndarray]:
        """The arrays of one layer, without its number in their names."""
        start = place(number, "")
        return {name.removeprefix(start): array for name, array in self.layers.items() if name.startswith(start)}


def place(number: int, name: str) -> str:
    """The name of a layer's array in layers.npz."""
    return f"{number:02d}/{name}"


def label_place(name: str) -> str:
    """The name of a label's array in rows.npz and documents.npz."""
    return f"label/{name}"


def expert_type(experts: int) -> np.dtype:
    """The narrowest type of expert numbers whose largest value is free to mean none: uint8 up to 255 experts, or
    uint16."""
    return np.dtype(np.uint8 if experts <= 255 else np.uint16)


def rows_layout(header: "Header") -> Layout:
    return {**ROWS, **{label_place(name): ("T", "int32") for name in header["row_labels"]}}


def documents_layout(header: "Header") -> Layout:
    return {label_place(name): ("D", "int32") for name in header["document_labels"]}


def layer_layout(number: int, layer: "LayerHeader") -> Layout:
    arrays = {"experts": ("TK", expert_type(layer["experts"]).name), **LAYER}
    return {place(number, name): one for name, one in arrays.items()}


def write_trace_run(folder: Path, files: TraceFiles) -> None:
    """Write the trace as a finished run into ``folder``, which exists already. Raises OSError."""
    clear_leftovers(folder)
    status = StatusFile(folder, kind="trace")
    status.start()
    try:
        write_json(folder / HEADER, files.header)
        for name, arrays in (("rows", files.rows), ("documents", files.documents), ("layers", files.layers)):
            write_npz(folder / f"{name}.npz", arrays)
        # the status ``finished`` must not be readable before the arrays are on the disk
        settle(folder)
    except BaseException as error:
        # if even this cannot be written, the run counts as lost once this process is gone
        with suppress(OSError):
            status.end("failed", error=f"{type(error).__name__}: {error}")
        raise
    sizes = {"rows": files.header["rows"], "documents": files.header["documents"]}
    headline = {**sizes, "layers": len(files.header["layers"])}
    status.end("finished", headline=headline, checksums={HEADER: checksum((folder / HEADER).read_bytes())})


def read_trace_run(run: Run) -> TraceFiles:
    """Read and check the trace in a run folder. Raises RunError, which names the folder and the file."""
    if run.kind == "mixture":
        raise RunError(f"{run.path} is a run of kind {run.kind}, not a trace")
    header = run.trace_header
    layers = [name for number, layer in enumerate(header["layers"]) for name in layer_layout(number, layer)]
    arrays = {
        "rows": run.arrays("rows", [*rows_layout(header)]),
        "documents": run.arrays("documents", [*documents_layout(header)]),
        "layers": run.arrays("layers", layers),
    }
    try:
        return TraceFiles(header, **arrays)
    except RunError as error:
        raise RunError(f"{run.path}: {error}") from None


def _check(file: str, arrays: Arrays, layout: Layout, sizes: Mapping[str, int]) -> None:
    for name in _absent(arrays, layout):
        raise RunError(f"{file} lacks {cut(name)}: write the trace again")
    found = dict(sizes)
    for name, (axes, dtype) in layout.items():
        if name not in arrays:
            continue
        array = arrays[name]
        if array.ndim == len(axes):
            found |= {axis: size for axis, size in zip(axes, array.shape, strict=True) if axis not in found}
        shape = tuple(found.get(axis, 0) for axis in axes)
        if array.shape != shape or array.dtype != dtype:
            raise RunError(f"{file}: {cut(name)} is {array.shape} {array.dtype}, but should be {shape} {dtype}")
    if found.get("S", 0) > SAMPLE:
        raise RunError(f"{file}: distributions of {found['S']} rows are kept, and {SAMPLE} at most are")


def _absent(arrays: Arrays, layout: Layout) -> Iterator[str]:
    """Names of required arrays that are missing: documents, experts, and labels that the header names."""
    for name in layout:
        if name not in arrays and (name.startswith("label/") or name.rpartition("/")[2] in REQUIRED):
            yield name
