"""The trace of any model's routing: the experts that each row selected in each mixture layer.

Axes: **T** rows (tokens of documents, or samples), **L** mixture layers, **E** experts of a layer, **K** slots, the
most experts that a row selected in a layer, **D** documents, **S** rows of a sample whose probabilities are kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from moe_lab.errors import RunError, cut, number_of
from moe_lab.routing.checks import check_floats, check_integers, check_label_name, check_length, check_texts

#: the value in memory of a slot without an expert, and of a row or document without a label
NONE = -1
#: most experts of a layer: numbers have 16 bits on disk, and the largest one means none
MOST_EXPERTS = 2**16 - 1
#: number of rows that are checked at once
_BLOCK = 2**18


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """A label of rows or documents.

    value: int32 [T] or [D], 0 .. len(names) - 1, or NONE if the label is missing.
    names: the text of each number, no text twice.

    Raises RunError if a number has no name, or two have the same.
    """

    value: np.ndarray
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        value = check_integers("labels", self.value, 1, NONE, len(self.names))
        object.__setattr__(self, "value", value.astype(np.int32, copy=False))
        object.__setattr__(self, "names", tuple(self.names))
        check_texts("the names of a label", self.names)


def first_repeat(experts_TK: np.ndarray) -> int | None:
    """The first row that selects an expert more than once; None if there is none."""
    if experts_TK.shape[1] == 1:
        return None
    for start in range(0, len(experts_TK), _BLOCK):
        block = np.sort(experts_TK[start : start + _BLOCK], axis=1)
        twice = ((block[:, 1:] == block[:, :-1]) & (block[:, 1:] != NONE)).any(1)
        if twice.any():
            return start + int(twice.argmax())
    return None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class LayerTrace:
    """One mixture layer's routing.

    name:       printable, and unique in its trace, such as ``block3``.
    experts:    E, 1 .. 65,535.
    experts_TK: the selected experts, int16 or int32 in memory; NONE in an empty slot (a row without any expert was
                dropped, or its routing is missing).
    ranked:     whether slot 0 is the first choice, slot 1 the second ... (Megatron's are sorted by expert).
    weights_TK: factors of the selected experts, 0 in an empty slot.
    sample_S:   the rows, in rising order, whose full distribution is stored.
    probs_SE:   probabilities of these rows over all experts before selection; or logits_SE, the router's output.
    usage_E:    mean probability of each expert over all rows that have a distribution, not only the sample.
    entropy_T:  entropy in bits of the distribution of every row, NaN if it has none.

    Raises RunError if a shape, a number or a selection is invalid, such as an expert outside 0 .. E - 1, or twice in a
    row.
    """

    name: str
    experts: int
    experts_TK: np.ndarray
    ranked: bool = True
    weights_TK: np.ndarray | None = None
    sample_S: np.ndarray | None = None
    probs_SE: np.ndarray | None = None
    logits_SE: np.ndarray | None = None
    usage_E: np.ndarray | None = None
    entropy_T: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not self.name.isprintable():
            raise RunError(f"a layer's name is {cut(ascii(self.name))}; expected a text that can be printed")
        if not isinstance(self.experts, int | np.integer) or not 1 <= self.experts <= MOST_EXPERTS:
            raise RunError(f"{self._at} has {self.experts!r} experts; expected 1 to {MOST_EXPERTS:,}")
        what = f"{self._at}: the selected experts"
        experts_TK = check_integers(what, self.experts_TK, 2, NONE, self.experts)
        object.__setattr__(
            self, "experts_TK", experts_TK.astype(np.int16 if self.experts < 2**15 else np.int32, copy=False)
        )
        if self.slots == 0:
            raise RunError(f"{what} have no slot; expected an array of rows x slots")
        self._check_once()
        self._check_weights()
        self._check_distributions()

    def __repr__(self) -> str:
        sizes = ((self.rows, "row"), (self.experts, "expert"), (self.slots, "slot"))
        return f"<{self.name}: {', '.join(number_of(*size) for size in sizes)}>"

    @property
    def rows(self) -> int:
        """T."""
        return self.experts_TK.shape[0]

    @property
    def slots(self) -> int:
        """K."""
        return self.experts_TK.shape[1]

    @property
    def _at(self) -> str:
        return f"layer {cut(self.name)!r}"

    def _check_once(self) -> None:
        """Raises RunError if a row selects an expert more than once."""
        if (row := first_repeat(self.experts_TK)) is not None:
            raise RunError(f"{self._at}: row {row} selects an expert twice")

    def _check_weights(self) -> None:
        if self.weights_TK is None:
            return
        check_floats(f"{self._at}: the weights", self.weights_TK, self.experts_TK.shape, low=0.0)
        if self.weights_TK[self.experts_TK == NONE].any():
            raise RunError(f"{self._at}: an empty slot has a weight; expected 0 there")

    def _check_distributions(self) -> None:
        given = [array for array in (self.probs_SE, self.logits_SE) if array is not None]
        if (self.sample_S is None) != (not given) or len(given) > 1:
            raise RunError(f"{self._at}: a sample of rows has probabilities or logits, one of the two")
        if self.sample_S is not None:
            sample_S = check_integers(f"{self._at}: the sampled rows", self.sample_S, 1, 0, self.rows)
            if (np.diff(sample_S.astype(np.int64)) <= 0).any():
                raise RunError(f"{self._at}: the sampled rows have to rise")
            low = 0.0 if self.probs_SE is not None else None
            check_floats(f"{self._at}: the distributions", given[0], (len(sample_S), self.experts), low=low)
        if self.usage_E is not None:
            check_floats(f"{self._at}: the usage", self.usage_E, (self.experts,), low=0.0)
        if self.entropy_T is not None:
            check_floats(f"{self._at}: the entropies", self.entropy_T, (self.rows,), low=0.0, missing=True)


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Trace:
    """The routing of rows through mixture layers, with documents, labels and losses of the rows.

    layers:          in the order of the model; all have T rows, each may have its own E and K.
    document_T:      the document (sequence) that each row belongs to, 0 .. D - 1, each of which has a row. Rows of one
                     document are not independent: nulls permute documents, intervals resample documents.
    position_T:      the row's place in its document; position_T, document_T and token_id_T are int32.
    loss_T:          nats, NaN if there is none (the last token of a document predicts nothing).
    row_labels:      name -> labels of rows.
    document_labels: name -> labels of documents; no name is in both.
    source:          the source of the trace in words; ``checksum``: of that source, such as ``sha256:...``.
    missing:         what the trace lacks (weights, token_id ...) -> why, if it is known.

    Raises RunError if layers or arrays disagree about T or D, or there is no layer or no row.
    """

    layers: tuple[LayerTrace, ...]
    document_T: np.ndarray
    position_T: np.ndarray | None = None
    token_id_T: np.ndarray | None = None
    loss_T: np.ndarray | None = None
    row_labels: Mapping[str, Labels] = field(default_factory=dict)
    document_labels: Mapping[str, Labels] = field(default_factory=dict)
    source: str = ""
    checksum: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple(self.layers))
        self._check_layers()
        self._check_documents()
        for name in ("position_T", "token_id_T"):
            if getattr(self, name) is not None:
                self._take(name, 2**31)
        if self.loss_T is not None:
            check_floats("the losses", self.loss_T, (self.rows,), missing=True)
        self._check_labels()

    def __repr__(self) -> str:
        labels = f"labels {', '.join(self.label_names)}" if self.label_names else "no labels"
        rows, documents = number_of(self.rows, "row"), number_of(self.documents, "document")
        sizes = f"{rows} of {documents} in {number_of(len(self.layers), 'layer')}"
        return f"<Trace: {sizes}, {labels}>"

    @property
    def rows(self) -> int:
        """T."""
        return self.layers[0].rows

    @cached_property
    def documents(self) -> int:
        """D."""
        return int(self.document_T.max()) + 1

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of the labels of rows and of documents, in the order in which they were given."""
        return (*self.row_labels, *self.document_labels)

    def label(self, name: str) -> Labels:
        """The label ``name`` of each row; a document's label applies to all of its rows. Raises RunError if there is
        none."""
        if name in self.row_labels:
            return self.row_labels[name]
        if name in self.document_labels:
            of_documents = self.document_labels[name]
            return Labels(value=of_documents.value[self.document_T], names=of_documents.names)
        raise RunError(f"the trace has no label {name!r}; it has {', '.join(self.label_names) or 'none'}")

    def layer(self, name: str) -> LayerTrace:
        """The layer of this name. Raises RunError if there is none."""
        found = next((layer for layer in self.layers if layer.name == name), None)
        if found is None:
            raise RunError(f"the trace has no layer {name!r}; it has {', '.join(layer.name for layer in self.layers)}")
        return found

    def _check_layers(self) -> None:
        if not self.layers or self.rows == 0:
            raise RunError("a trace has at least one layer and one row")
        names = [layer.name for layer in self.layers]
        if len(set(names)) < len(names):
            raise RunError(f"two layers have the same name: {', '.join(map(cut, names))}")
        for layer in self.layers:
            if layer.rows != self.rows:
                raise RunError(f"layer {cut(layer.name)!r} has {layer.rows} rows, the layers before it {self.rows}")

    def _check_documents(self) -> None:
        self._take("document_T", self.rows)
        without = np.flatnonzero(np.bincount(self.document_T) == 0)
        if len(without):
            raise RunError(f"document {without[0]} has no row; number the documents 0, 1, 2 ... without a gap")

    def _take(self, name: str, end: int) -> None:
        array = check_integers(name, getattr(self, name), 1, 0, end)
        check_length(name, array, self.rows)
        object.__setattr__(self, name, array.astype(np.int32, copy=False))

    def _check_labels(self) -> None:
        for name in self.label_names:
            check_label_name(name)
        if both := self.row_labels.keys() & self.document_labels.keys():
            raise RunError(f"{min(both)!r} names a label of rows and one of documents; give them two names")
        for labels, length in ((self.row_labels, self.rows), (self.document_labels, self.documents)):
            for name, one in labels.items():
                check_length(f"label {name!r}", one.value, length)
