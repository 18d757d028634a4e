"""Making a trace from a user's arrays of layers, documents and labels, which may have several forms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moe_lab.errors import RunError, cut
from moe_lab.metrics.trace_arrays import Distributions, distributions, sampled_logits
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace

#: largest deviation from one of a sum of probabilities in bfloat16
_ROUNDED = 0.05
#: [T, L, K], or an array [T, K] (or [T], with one slot) of each layer: in order, or by the layer's name
PerLayer = Any


def layers_from(
    selected: PerLayer,
    experts: int | Sequence[int] | Mapping[str, int],
    names: Sequence[str] | None,
    ranked: bool,
    weights: PerLayer | None,
    probabilities: PerLayer | None,
    logits: PerLayer | None,
) -> list[LayerTrace]:
    """Raises RunError if the arguments are of different layers, or a layer cannot be."""
    by_order = _by_layer("selected", selected, None)
    names = _names(names, selected, len(by_order))
    experts_L = (
        [experts] * len(names) if isinstance(experts, int | np.integer) else _of_names("experts", experts, names)
    )
    optional = {"weights": weights, "probabilities": probabilities, "logits": logits}
    arrays = {
        what: [None] * len(names) if given is None else _by_layer(what, given, names)
        for what, given in optional.items()
    }
    columns = zip(names, by_order, experts_L, *arrays.values(), strict=True)
    return [_layer(*one, ranked=ranked) for one in columns]


def _layer(
    name: str,
    selected: np.ndarray,
    experts: int,
    weights: np.ndarray | None,
    probs_TE: np.ndarray | None,
    logits_TE: np.ndarray | None,
    *,
    ranked: bool,
) -> LayerTrace:
    selected_TK = selected[:, None] if selected.ndim == 1 else selected
    return LayerTrace(
        name=name,
        experts=experts,
        experts_TK=selected_TK,
        ranked=ranked,
        weights_TK=_weights(weights, selected_TK),
        **_distributions(name, probs_TE, logits_TE, len(selected_TK)),
    )


def _by_layer(what: str, given: PerLayer, names: Sequence[str] | None) -> list[np.ndarray]:
    """An array of each layer; those by name in the order of ``names``."""
    if isinstance(given, Mapping | list | tuple):
        return [np.asarray(one) for one in _of_names(what, given, names)]
    whole_TLK = np.asarray(given)
    if whole_TLK.ndim != 3:
        raise RunError(
            f"{what}: an array of shape {whole_TLK.shape}; expected rows x layers x slots, or a list with an array of "
            "rows x slots for each layer"
        )
    return _of_names(what, [np.ascontiguousarray(one) for one in whole_TLK.swapaxes(0, 1)], names)


def _of_names(what: str, given: Mapping[str, Any] | Sequence[Any], names: Sequence[str] | None) -> list[Any]:
    """One of each layer. Raises RunError if there are more, fewer or others."""
    if names is None:
        return list(given.values()) if isinstance(given, Mapping) else list(given)
    if isinstance(given, Mapping):
        if given.keys() != set(names):
            raise RunError(f"{what}: of the layers {cut(', '.join(map(str, given)))}; expected {cut(', '.join(names))}")
        return [given[name] for name in names]
    if len(given) != len(names):
        raise RunError(f"{what}: of {len(given)} layers; selected has {len(names)}")
    return list(given)


def _names(names: Sequence[str] | None, selected: PerLayer, count: int) -> list[str]:
    own = list(selected) if isinstance(selected, Mapping) else [f"block{number}" for number in range(count)]
    return own if names is None else _of_names("layers", names, own)


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
    """The weights, with 0 in empty slots."""
    if given is None:
        return None
    weights_TK = given[:, None] if given.ndim == 1 else given
    if weights_TK.shape != selected_TK.shape or weights_TK.dtype.kind not in "iuf":
        raise RunError(
            f"weights: {weights_TK.dtype} of shape {weights_TK.shape}; expected numbers, {selected_TK.shape} "
            "as selected"
        )
    return np.where(selected_TK == NONE, 0, weights_TK.astype(np.promote_types(weights_TK.dtype, np.float16)))


def _distributions(name: str, probs_TE: np.ndarray | None, logits_TE: np.ndarray | None, rows: int) -> Distributions:
    given = {"probabilities": probs_TE, "logits": logits_TE}
    for what, one in given.items():
        if one is not None and (
            one.ndim != 2 or len(one) != rows or one.dtype.kind != "f" or not np.isfinite(one).all()
        ):
            raise RunError(
                f"{what} of layer {cut(str(name))!r}: {one.dtype} of shape {one.shape}; expected finite floats, "
                f"{rows} rows x experts"
            )
    if probs_TE is None:
        return {} if logits_TE is None else sampled_logits(logits_TE)
    if logits_TE is not None:
        raise RunError("probabilities and logits: give one of the two")
    sum_T = probs_TE.sum(1, dtype=np.float64)
    wrong_T = (probs_TE < 0).any(1) | ((np.abs(sum_T - 1) > _ROUNDED) & (sum_T != 0))
    if wrong_T.any():
        row = int(wrong_T.argmax())
        raise RunError(
            f"probabilities of layer {cut(str(name))!r}: row {row} has {probs_TE[row].min():g} as its smallest number "
            f"and sums to {sum_T[row]:g}; expected a distribution (what is none goes into logits), or zeros for none"
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
