"""All measures of a trace, of two traces of the same rows, or of published counts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.metrics.traces import labels, pairs
from moe_lab.metrics.traces.documents import DOCUMENT_ACCURACY, document_accuracy
from moe_lab.metrics.traces.labelled import DocumentLabel, Labelled, RowLabel
from moe_lab.metrics.traces.layers import of_layer
from moe_lab.metrics.traces.measured import Measured
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.metrics.traces.sampled import Place, Sampled, Statistic, sampled, with_p
from moe_lab.metrics.traces.tables import OfTables, committee_size
from moe_lab.metrics.traces.tokens import GIVEN_TOKEN, Kept, given_token
from moe_lab.routing.trace import Labels, LayerTrace, Trace

#: the least p is 1 / (1 + PERMUTATIONS) = .005, whatever the size of the family
PERMUTATIONS = 200
NO_NULL = "the source has only counts: no documents to permute or to leave out"


def measure(trace: Trace, *, permutations: int = PERMUTATIONS, seed: int = 0) -> list[Measured]:
    """Every measure of a trace: by label and layer, by layer, and by pair of neighbouring layers.

    Documents are the unit throughout: the null permutes them, the interval leaves them out. Each measure's values in
    all layers x labels are one family, within which p is adjusted (``step_down_max_t``).

    Args:
        permutations: of the documents, at least 19.
        seed: of the permutations.
    """
    rows = Rows.of(trace)
    token_id_T = None if trace.token_id_T is None else rows.sorted(trace.token_id_T)
    found: list[Sampled] = []
    for label in _labels(trace, rows, permutations, seed):
        found += labels.of_label(label, trace.layers, rows)
        found += _of_tokens(label, trace.layers, token_id_T)
        found += _of_documents(label, trace.layers)
    for layer in trace.layers:
        found += of_layer(layer, rows, token_id_T)
    found += pairs.neighbours(trace, rows, permutations, seed)
    return with_p(found)


def compare_steps(earlier: Trace, later: Trace) -> list[Measured]:
    """Saturation and drift of one model between two steps of its training, on the same rows. Raises RunError."""
    return with_p(list(pairs.changes(earlier, later)))


def compare_models(here: Trace, there: Trace, *, permutations: int = PERMUTATIONS, seed: int = 0) -> list[Measured]:
    """Agreement of two models on the same rows, layer by layer, after their experts were matched. Raises RunError."""
    return with_p(list(pairs.agreement(here, there, permutations, seed)))


def measure_counts(counts: Mapping[str, np.ndarray], label: str) -> list[Measured]:
    """The measures that need only counts, for published tables: values without null, p or interval.

    Args:
        counts: layer -> ``[G, E]`` slots of each label by expert.
        label: the name of the tables' rows, such as domain.
    """
    found = []
    for layer, table_GE in counts.items():
        place = Place(layer=layer, label=label)
        for name, function in labels.SLOTS.items():
            found.append(sampled(name, partial(_point, function, table_GE), place))
        found.append(sampled(labels.COMMITTEE, partial(_point, committee_size, table_GE), place))
    return [_without_null(one) for one in with_p(found)]


def _labels(trace: Trace, rows: Rows, permutations: int, seed: int) -> Iterator[Labelled]:
    for name, one in trace.document_labels.items():
        yield DocumentLabel(name, one.names, rows, permutations, seed, _missing_last(one))
    for name, one in trace.row_labels.items():
        yield RowLabel(name, one.names, rows, permutations, seed, rows.sorted(_missing_last(one)))


def _missing_last(label: Labels) -> np.ndarray:
    """The labels' numbers in the smallest type, G if missing."""
    number = len(label.names)
    return np.where(label.value < 0, number, label.value).astype(np.min_scalar_type(number))


def _of_tokens(label: Labelled, layers: Sequence[LayerTrace], token_id_T: np.ndarray | None) -> Iterator[Sampled]:
    kept: Kept | Undefined
    try:
        kept = _kept(label, token_id_T)
    except Undefined as undefined:
        kept = undefined
    for layer in layers:
        statistic = partial(_given_token, label, layer, kept)
        yield sampled(GIVEN_TOKEN, statistic, labels.place_of(label, layer), labels.no_small_p(label))


def _given_token(label: Labelled, layer: LayerTrace, kept: Kept | Undefined) -> Statistic:
    if isinstance(kept, Undefined):
        raise kept
    return given_token(label, Chosen.slots(layer, label.rows), kept)


def _kept(label: Labelled, token_id_T: np.ndarray | None) -> Kept:
    if token_id_T is None:
        raise Undefined("the trace has no token ids")
    label.require_two()
    return Kept.of(label, token_id_T)


def _of_documents(label: Labelled, layers: Sequence[LayerTrace]) -> Iterator[Sampled]:
    """The document-level measure in each layer; none for a label of rows."""
    if not isinstance(label, DocumentLabel):
        return
    for layer in layers:
        statistic = partial(_document_accuracy, label, layer)
        yield sampled(DOCUMENT_ACCURACY, statistic, labels.place_of(label, layer), labels.no_small_p(label))


def _document_accuracy(label: DocumentLabel, layer: LayerTrace) -> Statistic:
    return document_accuracy(label, Chosen.slots(layer, label.rows).by_document(label.rows))


def _point(function: OfTables, table_GE: np.ndarray) -> Statistic:
    if np.count_nonzero(table_GE.sum(1)) < 2:
        raise Undefined("fewer than two labels have counts")
    if np.count_nonzero(table_GE.sum(0)) < 2:
        raise Undefined("H(E) is 0: fewer than two experts have counts")
    return Statistic(float(function(table_GE)))


def _without_null(found: Measured) -> Measured:
    return found if found.value is None else replace(found, p_reason=NO_NULL, interval_reason=NO_NULL)
