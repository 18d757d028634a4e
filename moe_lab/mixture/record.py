"""The recorded routing of a layer, until it is converted to a trace."""

from collections.abc import Mapping, Sequence

import numpy as np

from moe_lab.errors import RunError
from moe_lab.metrics.trace_arrays import layer_trace
from moe_lab.routing.decision import Routing
from moe_lab.routing.trace import LayerTrace, Trace

Arrays = tuple[np.ndarray, ...]


class Record:
    """The routing of successive batches, on the CPU in float32.

    The last of the axes before the features counts the places of a document, the others the documents; rows that have
    no other axis are a document each.
    """

    def __init__(self) -> None:
        self._batches: list[Arrays] = []
        self._documents: list[np.ndarray] = []
        self._positions: list[np.ndarray] = []
        self._count = 0

    def add(self, routing: Routing, axes: Sequence[int]) -> None:
        """Add the routing of rows with the leading ``axes``, in their order."""
        *lead, places = axes if len(axes) > 1 else (*axes, 1)
        documents = int(np.prod(lead))
        tensors = (routing.probs_BE, routing.weights_BE, routing.selected_BE)
        self._batches.append(tuple(one.detach().cpu().float().numpy() for one in tensors))
        self._documents.append(self._count + np.repeat(np.arange(documents), places))
        self._positions.append(np.tile(np.arange(places), documents))
        self._count += documents

    @property
    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Document and place of every row."""
        return np.concatenate(self._documents), np.concatenate(self._positions)

    def layer(self, name: str) -> LayerTrace:
        """The record as a layer of a trace. Raises RunError if nothing was recorded."""
        if not self._batches:
            raise RunError(
                f"layer {name!r} has recorded nothing: set record=True, call network.eval(), and let the network run"
            )
        probs_TE, weights_TE, selected_TE = (np.concatenate(arrays) for arrays in zip(*self._batches, strict=True))
        return layer_trace(name, probs_TE, weights_TE, selected_TE > 0)


def together(records: Mapping[str, Record]) -> Trace:
    """The trace of layers that recorded the same rows. Raises RunError if there is no record, or if the rows differ."""
    if not records:
        raise RunError("no layer of the network records: set record=True of each MixtureLayer before it runs")
    layers = tuple(record.layer(name) for name, record in records.items())
    (first, (document_T, position_T)), *others = ((name, record.rows) for name, record in records.items())
    for name, rows in others:
        if not all(map(np.array_equal, rows, (document_T, position_T))):
            raise RunError(
                f"layers {first!r} and {name!r} have recorded other rows ({len(document_T)} and {len(rows[0])}): call "
                "forget() of each, let the network run, and take the trace of the layers that see every row"
            )
    return Trace(layers=layers, document_T=document_T, position_T=position_T, source="moe_lab.MixtureLayer")
