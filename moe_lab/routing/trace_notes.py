"""Notes on a trace that a reader should know before trusting its measures: missing data and oddities.

None of them makes a trace unusable. Errors that do, such as an expert outside 0 .. E - 1 or twice in a row, are refused
when the trace is made or read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from moe_lab.errors import cut, number_of
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace
from moe_lab.store.trace import NOT_GIVEN

#: number of documents below which a label's intervals are wide
FEW_DOCUMENTS = 20
#: tolerance of the sum of a row's weights in half precision, which should be 1
_ROUNDED = 0.02
#: most names that are written out
_MOST_NAMES = 5


class Note(NamedTuple):
    """A note: its subject in a word or two, and its text."""

    about: str
    text: str

    def __str__(self) -> str:
        return f"{self.about}: {self.text}"


def notes(trace: Trace) -> list[Note]:
    """All notes on a trace: missing data and oddities."""
    return [*_of_documents(trace), *label_notes(trace), *_of_layers(trace), *_lacks(trace)]


def _of_documents(trace: Trace) -> Iterator[Note]:
    if trace.documents == 1:
        yield Note("documents", "all rows are of one document, so nothing can be tested and there are no intervals")
    elif trace.documents < FEW_DOCUMENTS:
        text = f"{trace.documents} are few for tests and intervals; {FEW_DOCUMENTS} or more are better"
        yield Note("documents", text)
    if trace.documents == trace.rows > 1:
        text = "each row is one of its own; rows of one text are not independent and belong to one document"
        yield Note("documents", text)


def label_notes(trace: Trace) -> Iterator[Note]:
    """Notes on the labels: missing data and oddities."""
    if not trace.label_names:
        text = "there are none (domain, language, part of speech), so it cannot be measured what experts specialize in"
        yield Note("labels", text)
    for name in trace.label_names:
        label, about = trace.label(name), f"label {cut(name)}"
        has_T = label.value != NONE
        if not has_T.all():
            yield Note(about, f"missing for {1 - has_T.mean():.1%} of rows, which are left out if it is used")
        few = [
            f"{number_of(count, 'document')} with {cut(value)}"
            for value, count in zip(label.names, _documents_of(trace, label).tolist(), strict=True)
            if count < FEW_DOCUMENTS
        ]
        if few:
            each = " of each" if len(few) > 1 else ""
            yield Note(about, f"it has only {_listed(few)}; {FEW_DOCUMENTS} or more{each} are better")


def _documents_of(trace: Trace, label: Labels) -> np.ndarray:
    """Number of documents with a row of each value, [values]."""
    has_T = label.value != NONE
    pairs = np.unique(label.value[has_T].astype(np.int64) * trace.documents + trace.document_T[has_T])
    return np.bincount(pairs // trace.documents, minlength=len(label.names))


class _Said(NamedTuple):
    """A remark on a layer: a text with {} in place of its number. Layers with the same text share a note, which shows
    their least and largest number."""

    text: str
    numbers: tuple[float, ...] = ()
    form: str = "{:.3g}"

    def over(self, numbers: Sequence[float]) -> str:
        ends = [self.form.format(one) for one in (min(numbers), max(numbers))] if self.numbers else []
        return self.text.format(" to ".join(dict.fromkeys(ends)))


def _of_layers(trace: Trace) -> Iterator[Note]:
    """Notes on the layers, one for all layers with the same remark."""
    for of_layer in _OF_LAYER:
        groups: dict[str, dict[str, _Said]] = {}
        for layer in trace.layers:
            if (remark := of_layer(layer)) is not None:
                groups.setdefault(remark.text, {})[cut(layer.name)] = remark
        for group in groups.values():
            first = next(iter(group.values()))
            text = first.over([number for remark in group.values() for number in remark.numbers])
            yield Note(_names(list(group), trace), text)


def _empty(layer: LayerTrace) -> _Said | None:
    share = float((layer.experts_TK == NONE).all(1).mean())
    text = (
        "{} of rows have no expert: they were dropped, or their routing is missing (such as tokens from a prefix "
        "cache), which cannot be told apart"
    )
    return _Said(text, (share,), "{:.1%}") if share else None


def _varies(layer: LayerTrace) -> _Said | None:
    selected_T = (layer.experts_TK != NONE).sum(1)
    selected_T = selected_T[selected_T > 0]
    if not len(selected_T) or selected_T.min() == selected_T.max():
        return None
    text = "rows select {} experts: with top-p, or small weights pruned, an expert may look dead that the router wants"
    return _Said(text, (selected_T.min(), selected_T.max()))


def _never(layer: LayerTrace) -> _Said | None:
    used = len(np.unique(layer.experts_TK[layer.experts_TK != NONE]))
    if used == 0:
        return _Said("no row has an expert")
    if used == 1:
        return _Said("every row selects one and the same expert, as in a dense layer that is written as zeros")
    never = layer.experts - used
    return _Said(f"{{}} of {layer.experts} experts are never selected", (never,)) if never else None


def _physical(layer: LayerTrace) -> _Said | None:
    most = int(layer.experts_TK.max())
    if most == NONE or most >= layer.experts / 2:
        return None
    return _Said(
        f"the largest selected number is {{}} of 0 to {layer.experts - 1}; is the number of experts right?", (most,)
    )


def _order(layer: LayerTrace) -> _Said | None:
    if not layer.ranked:
        return _Said("the order of choice is not known, so there is no first choice without weights")
    if layer.slots == 1:
        return None
    first, second = layer.experts_TK[:, :-1], layer.experts_TK[:, 1:]
    both = (first != NONE) & (second != NONE)
    # two experts of a row are in order by chance half the time, those of a hundred rows never
    if both.any(1).sum() >= 100 and (first < second)[both].all():
        return _Said(
            "experts are in rising order in every row, so they are probably sorted, and slot 0 is not the first choice"
        )
    if layer.weights_TK is not None and (layer.weights_TK[:, :-1] < layer.weights_TK[:, 1:])[both].any():
        return _Said("weights do not fall from slot to slot, so slot 0 is not the first choice in every row")
    return None


def _sums(layer: LayerTrace) -> _Said | None:
    if layer.weights_TK is None:
        return None
    sum_T = layer.weights_TK.sum(1, dtype=np.float64)[(layer.experts_TK != NONE).any(1)]
    if not len(sum_T) or (np.abs(sum_T - 1) < _ROUNDED).all():
        return None
    text = (
        "weights of a row do not all sum to 1 ({}): the model does not divide them by their sum, or scales them; "
        "measures divide them"
    )
    return _Said(text, (float(sum_T.min()), float(sum_T.max())))


_OF_LAYER: tuple[Callable[[LayerTrace], _Said | None], ...] = (_empty, _varies, _never, _physical, _order, _sums)


#: attributes whose absence is reported together with its consequence
_WITH_CONSEQUENCES = ("token_id", "weights")


def _lacks(trace: Trace) -> Iterator[Note]:
    """Notes on data that the trace lacks, with the consequences, and the reason if the trace states one."""
    why = {name: cut(reason, 300) for name, reason in trace.missing.items() if reason != NOT_GIVEN}
    if trace.token_id_T is None:
        follows = "so neither what a label tells beyond the token nor which tokens an expert gets is measured"
        yield Note("token ids", f"not known, {follows}{_because(why, 'token_id')}")
    unweighted = [cut(layer.name) for layer in trace.layers if layer.weights_TK is None]
    if unweighted:
        where = "" if len(unweighted) == len(trace.layers) else f" in {_listed(unweighted)}"
        yield Note("weights", f"not known{where}, so every slot counts the same{_because(why, 'weights')}")
    yield from (Note(cut(name), reason) for name, reason in why.items() if name not in _WITH_CONSEQUENCES)


def _because(why: Mapping[str, str], name: str) -> str:
    return f" ({why[name]})" if name in why else ""


def _names(layers: list[str], trace: Trace) -> str:
    return "all layers" if len(layers) == len(trace.layers) > 1 else _listed(layers)


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
