"""A label of documents or of rows, with its null distribution.

Rows of one document depend on each other, so the null permutes documents and never rows. **A label of documents** is
permuted over the documents that have it. **A label of rows** (such as a class of the token, or the first choice of
another layer) varies within a document, and documents differ in length. So a document's whole sequence of labels is
given to another document of nearly the same length (20 neighbours in order of length), cut or repeated to fit. This
keeps the dependence of labels on each other within a document, that of experts, and the dependence of both on the
position. Two alternatives are worse: rotating a sequence within its document would test only the alignment of rows; and
laying all sequences end to end with other borders makes the information by chance too small by up to a third, because
two documents then share a sequence.

Axes: T rows, D documents, G labels, E experts, P permutations, M groups of documents that are left out together.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.statistics.documents import GROUPS, groups_of, least_label_p, least_swap_p, length_strata, orders, swapped

#: a label of fewer documents gets a note that its numbers are uncertain
FEW = 20
#: most numbers in memory at once while the labels of many permutations are counted
HELD = 1 << 22


@dataclass(frozen=True, eq=False)
class Tables:
    """Counts of labels by experts: of all rows, under each permutation, and of each group of documents."""

    all_GE: np.ndarray
    null_PGE: np.ndarray
    parts_MGE: np.ndarray

    @property
    def left_out_MGE(self) -> np.ndarray:
        """Counts of all documents except those of each group."""
        return self.all_GE - self.parts_MGE


#: the reason why a label of rows has no null
SAME_EVERYWHERE = "every document has the same values in the same places, so permuting documents changes nothing"


@dataclass(frozen=True, eq=False)
class Labelled(ABC):
    """A label with its null. ``label_T`` is in the order of ``rows``; it is G for a row without a label."""

    name: str
    names: tuple[str, ...]
    rows: Rows
    permutations: int
    seed: int

    @property
    def labels(self) -> int:
        return len(self.names)

    @property
    @abstractmethod
    def label_T(self) -> np.ndarray:
        """The label of each row."""

    @property
    @abstractmethod
    def stratum_D(self) -> np.ndarray:
        """The stratum of each document, within which it is permuted; unlabelled documents have strata of their own."""

    @property
    @abstractmethod
    def has_D(self) -> np.ndarray:
        """The mask of the documents that have a label."""

    @property
    @abstractmethod
    def least_p(self) -> float:
        """The smallest p that this number of documents allows."""

    @property
    def no_null(self) -> str | None:
        """The reason why no permutation of documents changes the labels of their rows; None if one does."""
        return None

    @abstractmethod
    def tables(self, chosen: Sequence[Chosen]) -> Iterable[Tables]:
        """The tables of several layers (or of several counts of one layer), all under the same permutations."""

    def sources(self) -> Iterator[np.ndarray]:
        """``source_D`` of each permutation: the document whose labels each document gets."""
        stratum_D = self.stratum_D
        together = bool((stratum_D == stratum_D[0]).all())
        for order_D in orders(self.rows.documents, self.permutations, self.seed):
            yield order_D if together else swapped(order_D, stratum_D)

    @property
    def group_D(self) -> np.ndarray:
        """The group with which each document is left out. Documents without a label are in group 0 and count nowhere.

        There are at most 200 groups, and fewer for more than 290 labels, so that the tables of all groups stay small.
        """
        has_D = self.has_D
        group_D = np.zeros(len(has_D), dtype=np.int64)
        groups = min(GROUPS, max(FEW, 4 * HELD // self.labels**2))
        group_D[has_D] = groups_of(int(np.count_nonzero(has_D)), groups)
        return group_D

    @cached_property
    def documents_of_each(self) -> np.ndarray:
        """``[G]``: documents with at least one row of each label."""
        width = self.labels + 1
        pair = np.unique(self.rows.document_T.astype(np.int64) * width + self.label_T)
        return np.bincount(pair % width, minlength=width)[:-1]

    @cached_property
    def left_out(self) -> float:
        """Share of the rows without a label."""
        return float(np.mean(self.label_T == self.labels))

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """A note on labels of fewer than 20 documents."""
        few = [(name, n) for name, n in zip(self.names, self.documents_of_each, strict=True) if 0 < n < FEW]
        return (f"fewer than {FEW} documents: " + ", ".join(f"{name} ({n})" for name, n in few),) if few else ()

    def require_two(self) -> None:
        """Raise Undefined if the rows have fewer than two labels."""
        present = np.flatnonzero(self.documents_of_each)
        if len(present) < 2:
            reason = f"every row is labelled {self.names[present[0]]}" if len(present) else "no row has a label"
            raise Undefined(reason)


@dataclass(frozen=True, eq=False)
class DocumentLabel(Labelled):
    """label_D: the label of each document, G if missing."""

    label_D: np.ndarray

    @property
    def label_T(self) -> np.ndarray:
        return np.repeat(self.label_D, self.rows.length_D)

    @property
    def stratum_D(self) -> np.ndarray:
        return self.has_D.astype(np.uint8)

    @property
    def has_D(self) -> np.ndarray:
        return self.label_D < self.labels

    @property
    def least_p(self) -> float:
        return least_label_p(self.label_D[self.has_D])

    def tables(self, chosen: Sequence[Chosen]) -> Iterable[Tables]:
        return (self.of_counts(one.by_document(self.rows)) for one in chosen)

    def of_counts(self, counts_DE: np.ndarray) -> Tables:
        """The tables from counts by document; permutations need no rows."""
        parts = self.group_D * (self.labels + 1) + self.label_D
        groups = int(self.group_D.max()) + 1
        parts_MGE = summed(counts_DE, parts, groups * (self.labels + 1)).reshape(groups, self.labels + 1, -1)[:, :-1]
        return Tables(parts_MGE.sum(0), np.concatenate(list(self._null(counts_DE))), parts_MGE)

    def _null(self, counts_DE: np.ndarray) -> Iterator[np.ndarray]:
        for labels_pD in self.permuted():
            is_pGD = labels_pD[:, None] == np.arange(self.labels)[:, None]
            yield table_of_each(is_pGD, counts_DE)

    def permuted(self) -> Iterator[np.ndarray]:
        """The labels ``[p, D]`` under all permutations, in blocks."""
        step, held = max(1, HELD // (self.rows.documents * self.labels)), []
        for source_D in self.sources():
            held.append(self.label_D[source_D])
            if len(held) == step:
                yield np.stack(held)
                held = []
        if held:
            yield np.stack(held)


@dataclass(frozen=True, eq=False)
class RowLabel(Labelled):
    """own_T: the label of each row, in the order of ``rows``, G if missing."""

    own_T: np.ndarray

    @property
    def label_T(self) -> np.ndarray:
        return self.own_T

    @property
    def stratum_D(self) -> np.ndarray:
        return length_strata(self.rows.length_D)

    @property
    def has_D(self) -> np.ndarray:
        return np.ones(self.rows.documents, dtype=bool)

    @property
    def least_p(self) -> float:
        return least_swap_p(self.stratum_D)

    @cached_property
    def no_null(self) -> str | None:
        # each document is paired with the next of its stratum, and the last with the first
        order_D = np.argsort(self.stratum_D, kind="stable")
        source_D = np.empty_like(order_D)
        source_D[order_D] = np.roll(order_D, -1)
        first_D = np.flatnonzero(np.diff(self.stratum_D[order_D], prepend=-1))
        source_D[order_D[np.append(first_D[1:], len(order_D)) - 1]] = order_D[first_D]
        place_T = np.arange(len(self.own_T)) - np.repeat(self.rows.start_D, self.rows.length_D)
        both_T = place_T < np.repeat(self.rows.length_D[source_D], self.rows.length_D)
        other_T = self.own_T[self.rows.taken_from(source_D)]
        return SAME_EVERYWHERE if np.array_equal(self.own_T[both_T], other_T[both_T]) else None

    def tables(self, chosen: Sequence[Chosen]) -> Iterable[Tables]:
        null: list[list[np.ndarray]] = [[] for _ in chosen]
        for source_D in self.sources():
            label_T = self.own_T[self.rows.taken_from(source_D)]
            for tables, one in zip(null, chosen, strict=True):
                tables.append(one.table(label_T, self.labels).astype(np.int32))
        for one, tables in zip(chosen, null, strict=True):
            parts_MGE = self._parts(one)
            yield Tables(parts_MGE.sum(0), np.stack(tables), parts_MGE)

    def _parts(self, chosen: Chosen) -> np.ndarray:
        group_D = self.group_D
        groups = int(group_D.max()) + 1
        width = self.labels + 1
        # unlabelled rows go into a column of their own, which is dropped
        cell_T = group_D[self.rows.document_T] * width + self.own_T
        return chosen.table(cell_T, groups * width).reshape(groups, width, -1)[:, :-1]


def summed(counts_DE: np.ndarray, key_D: np.ndarray, keys: int) -> np.ndarray:
    """``[keys, E]``: the sums of the rows with the same key."""
    order_D = np.argsort(key_D, kind="stable")
    found, start = np.unique(key_D[order_D], return_index=True)
    sums = np.zeros((keys, counts_DE.shape[1]))
    sums[found] = np.add.reduceat(counts_DE[order_D], start, axis=0, dtype=np.float64)
    return sums


def table_of_each(is_pGD: np.ndarray, counts_DE: np.ndarray) -> np.ndarray:
    """``[p, G, E]``: the counts of the documents of each label, as one product. Whole numbers below 2^53 are exact."""
    permutations, labels, documents = is_pGD.shape
    flat = is_pGD.reshape(-1, documents).astype(np.float64)
    return (flat @ counts_DE.astype(np.float64)).reshape(permutations, labels, -1)
