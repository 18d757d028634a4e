"""What a trace lacks, in plain words, and what is not measured for it."""

from collections.abc import Iterator

from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.trace.values import MAIN, Values
from moe_lab.routing.trace import Trace
from moe_lab.routing.trace_files import NOT_GIVEN

#: notes of measures that are shown; the others stand with their numbers
MOST = 8
#: how much of a stranger's reason is shown
LONG = 200


def notes(trace: Trace, values: Values) -> list[str]:
    return [*_rows(trace), *_layers(trace), *_why(trace), *_labels(values)]


def _rows(trace: Trace) -> Iterator[str]:
    if trace.documents == trace.rows:
        yield (
            "Every row is a document of its own. If rows are tokens of longer texts, record which text each belongs "
            "to: rows of one text are alike, and tests that take them for independent call nearly everything "
            "specialized."
        )
    elif trace.documents == 1:
        yield "All rows are of one document, so nothing can be permuted or left out: there are values, but no p."
    if trace.token_id_T is None:
        yield (
            "Token ids are not known, so what a label tells beyond the token, and which tokens an expert gets, are not "
            "measured."
        )
    if not trace.label_names:
        yield "There are no labels: add some (domain, language, part of speech) to ask what experts follow."


def _layers(trace: Trace) -> Iterator[str]:
    unranked = [layer.name for layer in trace.layers if not layer.ranked and layer.slots > 1]
    if unranked:
        yield (
            f"In {_some(unranked, len(trace.layers))} the order of the selected experts is not known, so nothing is "
            "said of first choices there."
        )
    unweighted = [layer.name for layer in trace.layers if layer.weights_TK is None]
    if unweighted:
        yield f"Routing weights are not known in {_some(unweighted, len(trace.layers))}: every slot counts the same."
    empty = [layer.name for layer in trace.layers if (layer.experts_TK < 0).all()]
    if empty:
        yield f"No row selects an expert in {_some(empty, len(trace.layers))}."


def _why(trace: Trace) -> Iterator[str]:
    """Why something is missing, where the recorder or importer has said so."""
    told = [
        f"{shortened(name)}: {shortened(reason, LONG)}"
        for name, reason in list(trace.missing.items())[:MOST]
        if reason != NOT_GIVEN
    ]
    if told:
        yield f"The trace says why it lacks something. {'; '.join(told)}."


def _labels(values: Values) -> Iterator[str]:
    """What the measures of the labels say of themselves."""
    told: dict[str, None] = {}
    for label in values.labels:
        for row in values.by_layer(MAIN, label):
            if row is not None and (row.adjusted_p is None or "fewer than" in row.notes) and row.notes:
                told.setdefault(f"{shortened(label)}: {shortened(row.notes, LONG)}.")
    yield from list(told)[:MOST]


def _some(names: list[str], layers: int) -> str:
    if len(names) == layers:
        return "all layers" if layers > 1 else "the layer"
    shown = ", ".join(map(shortened, names[:3]))
    return f"{len(names)} of {layers} layers ({shown}{' ...' if len(names) > 3 else ''})"
