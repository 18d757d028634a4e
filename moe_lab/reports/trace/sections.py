"""The chapters of a trace's report."""

from collections.abc import Sequence
from math import log2

from moe_lab.metrics.traces.layers import BATCH_DOCUMENTS
from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.style import ACCENT, HUES, WARM
from moe_lab.reports.trace.findings import ranked
from moe_lab.reports.trace.lines import Line, Panel, line_picture, tested
from moe_lab.reports.trace.map import layer_map
from moe_lab.reports.trace.tables import LABELS, LAYERS, paper_table
from moe_lab.reports.trace.token_view import token_picture
from moe_lab.reports.trace.values import ACCURACY, FIRST, GIVEN_TOKEN, MAIN, Values
from moe_lab.routing.trace import Trace

#: measure -> title of its panel
PANELS = {
    MAIN: "I(E;label)/H(E), all slots",
    FIRST: "first choices",
    GIVEN_TOKEN: "given the token id",
    ACCURACY: "documents with a correctly predicted label",
}
SCOPES = {"document": WARM, "batch": HUES[2], "global": ACCENT}
SCOPE_SAID = {
    "document": "within a document",
    "batch": f"within {BATCH_DOCUMENTS} documents",
    "global": "over all rows",
}
MAXVIO, REPEATS, TOGETHER = "MaxVio", "repeat rate", "highest co-activation"
#: name of a panel -> its definition
DEFINED = {
    MAXVIO: "MaxVio is the largest load / mean load - 1",
    REPEATS: "The repeat rate is the share of rows with the same first choice as the row before",
    TOGETHER: "The highest co-activation is the largest share of an expert's rows that also select one certain other",
}
CHANCE_SAID = {REPEATS: "; dashed: its value by chance"}
#: measure of balance besides MaxVio -> title of its panel
OTHERS = {"repeat_rate": REPEATS, "coactivation_highest": TOGETHER}


def sections(trace: Trace, values: Values) -> list[Section]:
    return [*label_sections(values), *balance(trace, values), *tokens(trace), *for_a_paper(values)]


def label_sections(values: Values, first: str = "") -> list[Section]:
    """Layers and measures, one chapter per label: ``first``, then those that experts follow most."""
    labels = sorted(ranked(values), key=lambda label: label != first)
    return [_label(values, label, place) for place, label in enumerate(labels[:LABELS])]


def tokens(trace: Trace, names: Sequence[str] = ()) -> list[Section]:
    """The chapters. ``names``: of the token ids, if there are any."""
    picture = token_picture(trace, names)
    return [Section("Tokens", (picture,))] if picture else []


def for_a_paper(values: Values) -> list[Section]:
    table = paper_table(values, LAYERS)
    return [Section("Table for a paper", tables=(table,))] if table else []


def _label(values: Values, label: str, place: int) -> Section:
    title = f"What follows the label {shortened(label)}"
    if not values.known(values.main, label):
        reason = next((row.notes for row in values.by_layer(values.main, label) if row is not None), "")
        return Section(title, notes=(f"Not measured: {reason}.",))
    pictures = [layer_map(values, label, f"map_{place}")]
    panels = [
        Panel(name, "fraction", tested(values.by_layer(measure, label)))
        for measure, name in PANELS.items()
        if values.telling([measure]) and values.known(measure, label)
    ]
    caption = _lines_caption(values, label)
    pictures.append(
        line_picture(f"lines_{place}", f"Over the layers: {shortened(label)}", caption, values.layers, panels)
    )
    return Section(title, tuple(pictures))


def _lines_caption(values: Values, label: str) -> str:
    """Which lines the panels have: it depends on whether there are intervals, a null and a test."""
    rows = [row for measure in PANELS for row in values.known(measure, label).values() if values.telling([measure])]
    bars = ", with 95 % intervals over documents as bars" if any(row.low is not None for row in rows) else ""
    tests = any(row.adjusted_p is not None for row in rows)
    filled = "; filled: beyond chance after correction" if tests else ""
    texts = [f"Estimates over the layers{bars}{filled}."]
    if any(row.null_mean is not None for row in rows):
        if tests:
            texts.append("The test compares the plug-in value (dotted) with the null (dashed), its mean if")
        else:
            texts.append("Nothing is tested. Dotted: the plug-in value; dashed: the null, its mean if")
        texts.append(
            "labels are permuted over documents. Both have the same bias; the estimate is corrected for it, so its "
            "chance level is 0."
        )
        if values.known(ACCURACY, label):
            texts.append("The share of documents needs no correction: its chance level is the null.")
    return " ".join(texts)


def balance(trace: Trace, values: Values) -> list[Section]:
    pictures: list[Picture] = []
    # fewer documents than a batch has are one batch, which is all rows
    scopes = [scope for scope in SCOPES if scope != "batch" or trace.documents > BATCH_DOCUMENTS]
    violation = {scope: lines for scope in scopes if (lines := _violation(values, scope))}
    if violation and not values.all_selected:
        panels = [Panel(MAXVIO, "ratio", tuple(line for lines in violation.values() for line in lines))]
        usage = values.by_layer("slot_entropy_bits")
        most = [
            _share_of_most(row.value if row else None, layer.experts)
            for row, layer in zip(usage, trace.layers, strict=True)
        ]
        panels.append(Panel("H(E) of slots / log2 E", "fraction", (Line("H(E)", most, ACCENT),)))
        others = {measure: name for measure, name in OTHERS.items() if values.known(measure)}
        panels += [Panel(name, "fraction", tested(values.by_layer(measure))) for measure, name in others.items()]
        scopes_said = ", ".join(f"{SCOPE_SAID[scope]} ({scope})" for scope in violation)
        caption = (
            f"{DEFINED[MAXVIO]}, {scopes_said}; dashed: its value by chance, which is large for few rows. H(E) at 100 "
            "%: all experts of the layer are used evenly."
        )
        texts = [caption, *(f"{DEFINED[name]}{CHANCE_SAID.get(name, '')}." for name in others.values())]
        pictures.append(line_picture("balance", "How evenly experts are used", " ".join(texts), values.layers, panels))
    return [Section("Balance", tuple(pictures))] if pictures else []


def _violation(values: Values, scope: str) -> list[Line]:
    rows = values.by_layer(f"slot_max_violation_{scope}")
    value = [None if row is None else row.value for row in rows]
    if all(one is None for one in value):
        return []
    chance = [None if row is None else row.null_mean for row in rows]
    lines = [Line(scope, value, SCOPES[scope])]
    return lines + ([Line("", chance, SCOPES[scope], "--")] if any(one is not None for one in chance) else [])


def _share_of_most(bits: float | None, experts: int) -> float | None:
    return None if bits is None or experts == 1 else bits / log2(experts)
