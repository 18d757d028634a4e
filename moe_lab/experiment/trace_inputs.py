"""From a user's arrays to a trace: layers, documents and labels in the forms in which people have them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moe_lab.errors import RunError, cut
from moe_lab.metrics.trace_arrays import Distributions, distributions
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace

#: [T, L, K], or an array [T, K] (or [T], with one slot) of each layer: in order, or by the layer's name
PerLayer = Any


def by_layer(what: str, given: PerLayer) -> list[np.ndarray]:
    """An array of each layer. Raises RunError if there is none."""
    if isinstance(given, Mapping):
        return [np.asarray(one) for one in given.values()]
    if isinstance(given, list | tuple):
        return [np.asarray(one) for one in given]
    whole_TLK = np.asarray(given)
    if whole_TLK.ndim != 3:
        raise RunError(
            f"{what}: an array of shape {whole_TLK.shape}; expected rows x layers x slots, or a list with an array of "
            "rows x slots for each layer"
        )
    return [np.ascontiguousarray(whole_TLK[:, number]) for number in range(whole_TLK.shape[1])]


def layers_from(
    selected: PerLayer,
    experts: int | Sequence[int],
    names: Sequence[str] | None,
    ranked: bool,
    weights: PerLayer | None,
    probabilities: PerLayer | None,
) -> list[LayerTrace]:
    """Raises RunError if the arguments are of different numbers of layers, or a layer cannot be."""
    selected_L = [one[:, None] if one.ndim == 1 else one for one in by_layer("selected", selected)]
    count = len(selected_L)
    if names is None:
        names = list(selected) if isinstance(selected, Mapping) else [f"block{number}" for number in range(count)]
    experts_L = [experts] * count if isinstance(experts, int | np.integer) else list(experts)
    weights_L = [None] * count if weights is None else by_layer("weights", weights)
    probabilities_L = [None] * count if probabilities is None else by_layer("probabilities", probabilities)
    given = {"experts": experts_L, "layers": names, "weights": weights_L, "probabilities": probabilities_L}
    for what, one in given.items():
        if len(one) != count:
            raise RunError(f"{what}: of {len(one)} layers; selected has {count}")
    return [
        LayerTrace(
            name=names[number],
            experts=experts_L[number],
            experts_TK=selected_L[number],
            ranked=ranked,
            weights_TK=_weights(weights_L[number], selected_L[number]),
            **_distributions(names[number], probabilities_L[number], len(selected_L[number])),
        )
        for number in range(count)
    ]


def documents_from(documents: Any) -> np.ndarray:
    """Texts or integers -> 0 .. D-1, in the order in which they come. Raises RunError if one is missing."""
    document_T, _ = _numbered("documents", documents, sort=False)
    if (document_T == NONE).any():
        raise RunError(f"documents: row {int((document_T == NONE).argmax())} has none; give every row its document")
    return document_T


def labels_from(labels: Mapping[str, Any], document_T: np.ndarray) -> tuple[dict[str, Labels], dict[str, Labels]]:
    """Labels of rows, and those that are the same for all rows of each document, as labels of documents."""
    of_rows: dict[str, Labels] = {}
    of_documents: dict[str, Labels] = {}
    _, first_D = np.unique(document_T, return_index=True)
    for name, given in labels.items():
        value_T, names = _numbered(f"label {cut(str(name))!r}", given, sort=True)
        if len(value_T) != len(document_T):
            raise RunError(f"label {cut(str(name))!r}: {len(value_T)} values; expected {len(document_T)}, one a row")
        value_D = value_T[first_D]
        if np.array_equal(value_D[document_T], value_T):
            of_documents[name] = Labels(value=value_D, names=names)
        else:
            of_rows[name] = Labels(value=value_T, names=names)
    return of_rows, of_documents


def trace_from(
    layers: list[LayerTrace],
    documents: Any,
    labels: Mapping[str, Any],
    token_ids: Any,
    positions: Any,
    losses: Any,
    **facts: Any,
) -> Trace:
    """Raises RunError if layers, documents and labels do not belong together."""
    document_T = documents_from(documents)
    of_rows, of_documents = labels_from(labels, document_T)
    return Trace(
        layers=tuple(layers),
        document_T=document_T,
        token_id_T=None if token_ids is None else np.asarray(token_ids),
        position_T=None if positions is None else np.asarray(positions),
        loss_T=None if losses is None else np.asarray(losses, dtype=np.float64),
        row_labels=of_rows,
        document_labels=of_documents,
        **facts,
    )


def _weights(given: np.ndarray | None, selected_TK: np.ndarray) -> np.ndarray | None:
    """0 in empty slots, whatever stands there."""
    if given is None:
        return None
    weights_TK = given[:, None] if given.ndim == 1 else given
    if weights_TK.shape != selected_TK.shape or weights_TK.dtype.kind not in "iuf":
        raise RunError(
            f"weights: {weights_TK.dtype} of shape {weights_TK.shape}; expected numbers, {selected_TK.shape} "
            "as selected"
        )
    return np.where(selected_TK == NONE, 0, weights_TK.astype(np.promote_types(weights_TK.dtype, np.float16)))


def _distributions(name: str, probs_TE: np.ndarray | None, rows: int) -> Distributions:
    if probs_TE is None:
        return {}
    if probs_TE.ndim != 2 or len(probs_TE) != rows or probs_TE.dtype.kind != "f" or not np.all(probs_TE >= 0):
        raise RunError(
            f"probabilities of layer {cut(str(name))!r}: {probs_TE.dtype} of shape {probs_TE.shape}; expected floats "
            f"from 0 on, {rows} rows x experts"
        )
    return distributions(probs_TE)


def _numbered(what: str, given: Any, *, sort: bool) -> tuple[np.ndarray, tuple[str, ...]]:
    """The number of each value, NONE for None, NaN and -1; and the text of each number. Raises RunError."""
    import pandas as pd

    try:
        values = pd.Series(np.asarray(given) if hasattr(given, "__array__") else list(given))
    except (TypeError, ValueError):
        raise RunError(f"{what}: expected one text or integer a row, found a {type(given).__name__}") from None
    if values.dtype.kind == "f" and not (values.dropna() % 1 == 0).all():
        raise RunError(f"{what}: numbers with fractions; expected texts or integers, so put numbers into bins first")
    if values.dtype.kind in "iuf":
        values = values.astype("Int64").mask(values == NONE)
    number_T, found = pd.factorize(values, sort=sort)
    return number_T.astype(np.int32), tuple(map(str, found))
