"""A trace's rows in the order of their documents, and counts of their slots.

Axes: T rows, K slots, E experts, D documents, G labels. Tables hold only counts, never rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.routing.trace import LayerTrace, Trace

#: slots that are counted at once, so that intermediate arrays, 8 bytes per slot, stay small
BLOCK = 1 << 21


@dataclass(frozen=True, eq=False)
class Rows:
    """The places of a trace's documents among its rows.

    order_T: row numbers, document by document and by position; None if the rows are already in this order.
    start_D, length_D: of each document, in that order.
    """

    order_T: np.ndarray | None
    start_D: np.ndarray
    length_D: np.ndarray

    @staticmethod
    def of(trace: Trace) -> "Rows":
        document_T, position_T = trace.document_T, trace.position_T
        length_D = np.bincount(document_T, minlength=trace.documents)
        start_D = np.cumsum(length_D) - length_D
        step_T = np.diff(document_T)
        stands = bool((step_T >= 0).all())
        if position_T is not None:
            stands = stands and bool(((np.diff(position_T) >= 0) | (step_T > 0)).all())
            order_T = None if stands else np.lexsort((position_T, document_T))
        else:
            order_T = None if stands else np.argsort(document_T, kind="stable")
        return Rows(order_T, start_D, length_D)

    @property
    def documents(self) -> int:
        return len(self.length_D)

    @cached_property
    def document_T(self) -> np.ndarray:
        """The document of each row, in this order."""
        return np.repeat(np.arange(self.documents, dtype=np.int32), self.length_D)

    def sorted(self, column_T: np.ndarray) -> np.ndarray:
        """A column, or an array of rows, in this order."""
        return column_T if self.order_T is None else column_T[self.order_T]

    def taken_from(self, source_D: np.ndarray) -> np.ndarray:
        """``[T]``: for each row the row at the same place of document ``source_D[d]``, repeated if too short."""
        place_T = np.arange(len(self.document_T)) - np.repeat(self.start_D, self.length_D)
        length_T = np.repeat(self.length_D[source_D], self.length_D)
        beyond_T = place_T >= length_T
        if beyond_T.any():
            place_T[beyond_T] %= length_T[beyond_T]
        return place_T + np.repeat(self.start_D[source_D], self.length_D)


@dataclass(frozen=True, eq=False)
class Chosen:
    """The slots of a layer that are counted: all, or first choices only, in the order of ``Rows``.

    experts_TK: an empty slot holds E, the number of experts.
    weights_TK: the weight of each slot in the counts; None counts each as 1.
    """

    experts: int
    experts_TK: np.ndarray
    weights_TK: np.ndarray | None = None

    @staticmethod
    def slots(layer: LayerTrace, rows: Rows) -> "Chosen":
        return Chosen(layer.experts, _without_negatives(rows.sorted(layer.experts_TK), layer.experts))

    @staticmethod
    def first(layer: LayerTrace, rows: Rows) -> "Chosen":
        """Raises Undefined if the order of the selected experts is not known."""
        if not layer.ranked and layer.experts_TK.shape[1] > 1:
            raise Undefined("the order of a row's selected experts is not known, so there is no first choice")
        return Chosen(layer.experts, _without_negatives(rows.sorted(layer.experts_TK[:, :1]), layer.experts))

    @staticmethod
    def weighed(layer: LayerTrace, rows: Rows) -> "Chosen":
        """All slots, counted with their routing weights if the trace has them."""
        slots = Chosen.slots(layer, rows)
        return (
            slots
            if layer.weights_TK is None
            else Chosen(slots.experts, slots.experts_TK, rows.sorted(layer.weights_TK))
        )

    def table(self, label_T: np.ndarray, labels: int) -> np.ndarray:
        """``[G, E]`` counts; rows whose label is ``labels`` are left out."""
        width, table = self.experts + 1, np.zeros((labels + 1) * (self.experts + 1))
        for here in self._blocks():
            cell_T = label_T[here].astype(np.int64) * width
            weights = None if self.weights_TK is None else self.weights_TK[here].ravel()
            table += np.bincount((cell_T[:, None] + self.experts_TK[here]).ravel(), weights, minlength=len(table))
        return table.reshape(labels + 1, width)[:-1, :-1]

    def by_document(self, rows: Rows) -> np.ndarray:
        """``[D, E]`` counts, int32 (float64 if slots have weights)."""
        kind = np.int32 if self.weights_TK is None else np.float64
        counts_DE = np.zeros((rows.documents, self.experts), dtype=kind)
        width = self.experts + 1
        for here in self._blocks():
            documents_T = rows.document_T[here]
            first, past = int(documents_T[0]), int(documents_T[-1]) + 1
            cell_T = (documents_T - first).astype(np.int64) * width
            weights = None if self.weights_TK is None else self.weights_TK[here].ravel()
            counted = np.bincount(
                (cell_T[:, None] + self.experts_TK[here]).ravel(), weights, minlength=(past - first) * width
            )
            counts_DE[first:past] += counted.reshape(-1, width)[:, :-1].astype(kind)
        return counts_DE

    def _blocks(self) -> Iterator[slice]:
        rows, slots = self.experts_TK.shape
        step = max(1, BLOCK // slots)
        return (slice(start, start + step) for start in range(0, rows, step))


def _without_negatives(experts_TK: np.ndarray, experts: int) -> np.ndarray:
    """The smallest unsigned type that holds E; -1 becomes E."""
    kind = np.uint8 if experts < 256 else np.uint16
    return np.where(experts_TK < 0, experts, experts_TK).astype(kind)
