"""Writing a Trace to a run folder, and reading it back.

On disk weights and distributions have half precision, and an empty slot is the largest value of the experts' type.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from moe_lab import __version__
from moe_lab.errors import RunError, cut
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace
from moe_lab.store.run import Run
from moe_lab.store.trace import (
    FORMAT,
    LAYER,
    NOT_GIVEN,
    ROWS,
    Arrays,
    Layout,
    TraceFiles,
    expert_type,
    label_place,
    place,
    read_trace_run,
    write_trace_run,
)

if TYPE_CHECKING:
    from moe_lab.store.trace_header import Header

#: array of a layer on disk -> its attribute in memory
_OF_LAYER = {
    "weights": "weights_TK",
    "sample": "sample_S",
    "probabilities": "probs_SE",
    "logits": "logits_SE",
    "usage": "usage_E",
    "entropy": "entropy_T",
}
_OF_ROWS = {"position": "position_T", "token_id": "token_id_T", "loss": "loss_T"}


def write_trace(folder: Path, trace: Trace) -> None:
    """Write the trace as a finished run into ``folder``, which exists already. Raises RunError if its numbers do not
    fit the format (nothing is written then), and OSError."""
    write_trace_run(folder, to_files(trace))


def read_trace(run: Run) -> Trace:
    """Read the trace of a run folder. Raises RunError, which names the folder, if it is no trace or is damaged."""
    files = read_trace_run(run)
    try:
        return from_files(files)
    except RunError as error:
        raise RunError(f"{run.path}: {error}") from None


def to_files(trace: Trace) -> TraceFiles:
    """Convert a trace to the content of its files. Raises RunError if a number is too large for half precision, or more
    rows are sampled than may be stored."""
    rows = {"document": trace.document_T, **_present(trace, _OF_ROWS, ROWS, "rows")}
    layers: dict[str, np.ndarray] = {}
    for number, layer in enumerate(trace.layers):
        layers[place(number, "experts")] = _narrow(layer)
        stored = _present(layer, _OF_LAYER, LAYER, f"layer {cut(layer.name)!r}")
        layers |= {place(number, name): array for name, array in stored.items()}
    return TraceFiles(
        _header(trace),
        rows | {label_place(name): label.value for name, label in trace.row_labels.items()},
        {label_place(name): label.value for name, label in trace.document_labels.items()},
        layers,
    )


def from_files(files: TraceFiles) -> Trace:
    """Convert the content of files to a trace. Raises RunError if the arrays are not those of a valid trace."""
    header = files.header
    return Trace(
        layers=tuple(_layer(files, number) for number in range(len(header["layers"]))),
        document_T=files.rows["document"],
        row_labels=_labels(header["row_labels"], files.rows),
        document_labels=_labels(header["document_labels"], files.documents),
        source=header["source"],
        checksum=header["checksum"],
        missing=header["missing"],
        **{attribute: files.rows.get(name) for name, attribute in _OF_ROWS.items()},
    )


def _header(trace: Trace) -> "Header":
    return {
        "format": FORMAT,
        "moe_lab": __version__,
        "rows": trace.rows,
        "documents": trace.documents,
        "layers": [
            {"name": layer.name, "experts": int(layer.experts), "slots": layer.slots, "ranked": bool(layer.ranked)}
            for layer in trace.layers
        ],
        "row_labels": {name: list(label.names) for name, label in trace.row_labels.items()},
        "document_labels": {name: list(label.names) for name, label in trace.document_labels.items()},
        "missing": {name: trace.missing.get(name, NOT_GIVEN) for name in _missing(trace)} | dict(trace.missing),
        "source": trace.source,
        "checksum": trace.checksum,
    }


def _missing(trace: Trace) -> list[str]:
    """Names of the optional arrays that the trace lacks, in all layers or in some."""
    rows = [name for name, attribute in _OF_ROWS.items() if getattr(trace, attribute) is None]
    weights = ["weights"] if any(layer.weights_TK is None for layer in trace.layers) else []
    sampled = ["distributions"] if any(layer.sample_S is None for layer in trace.layers) else []
    return [*rows, *weights, *sampled]


def _present(source: Any, attributes: Mapping[str, str], layout: Layout, where: str) -> dict[str, np.ndarray]:
    """The arrays that are not None, each in its type on disk."""
    given = {name: getattr(source, attribute) for name, attribute in attributes.items()}
    present = {name: array for name, array in given.items() if array is not None}
    return {name: _as_stored(f"{where}: {name}", array, layout[name][1]) for name, array in present.items()}


def _as_stored(what: str, array: np.ndarray, dtype: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        stored = array.astype(dtype, copy=False)
    if np.isinf(stored).any():
        raise RunError(f"{what}: a number is beyond {np.finfo(dtype).max:,g}, the largest that is stored as {dtype}")
    return stored


def _narrow(layer: LayerTrace) -> np.ndarray:
    """The selected experts in their type on disk, where -1 becomes the largest unsigned value."""
    return layer.experts_TK.astype(expert_type(layer.experts))


def _layer(files: TraceFiles, number: int) -> LayerTrace:
    header, arrays = files.header["layers"][number], files.of_layer(number)
    stored = arrays["experts"]
    experts_TK = stored.astype(np.int16 if header["experts"] < 2**15 else np.int32)
    experts_TK[stored == np.iinfo(stored.dtype).max] = NONE
    return LayerTrace(
        name=header["name"],
        experts=header["experts"],
        experts_TK=experts_TK,
        ranked=header["ranked"],
        **{attribute: arrays.get(name) for name, attribute in _OF_LAYER.items()},
    )


def _labels(names: Mapping[str, list[str]], arrays: Arrays) -> dict[str, Labels]:
    return {name: Labels(value=arrays[label_place(name)], names=tuple(texts)) for name, texts in names.items()}
