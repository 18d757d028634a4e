"""Tables of a trace's report: of each layer, of the values that its experts get, and for a paper."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moe_lab.errors import printable
from moe_lab.metrics.traces.measured import MEASURES
from moe_lab.metrics.traces.written import Written
from moe_lab.reports.kit.heat import every_nth, shortened
from moe_lab.reports.kit.numbers import NBSP, NONE, quantity
from moe_lab.reports.kit.table import Table
from moe_lab.reports.trace.excess import LEAST_DOCUMENTS, TOKEN, Counted, Gets, Over, gets
from moe_lab.reports.trace.findings import ranked
from moe_lab.reports.trace.values import GIVEN_TOKEN, Values, ends, exact, size, with_unit
from moe_lab.routing.trace import LayerTrace, Trace

#: most layers with a chapter of their own, experts named in it, labels in a table, layers in a table
CHAPTERS, EXPERTS, LABELS, LAYERS = 16, 16, 4, 64
EXCESS = (
    "Times: how often an expert gets a value, divided by the expectation if experts and values were independent. It "
    "is not a test: some excess is due to chance. Experts with the largest excess are shown."
)


@dataclass(frozen=True)
class LayerPart:
    """A layer that is shown on demand. ``brief`` has the main values beside its name."""

    name: str
    brief: str
    tables: tuple[Table, ...]


def layer_parts(trace: Trace, values: Values) -> tuple[list[LayerPart], list[dict[str, Any]]]:
    """The chapters of the layers, and the rows of experts.csv, with all experts of these layers."""
    counted = Counted.of(trace, tuple(ranked(values)[:LABELS]))
    parts, rows = [], []
    for at in every_nth(len(trace.layers), CHAPTERS):
        layer = trace.layers[at]
        got = gets(counted, layer)
        tables = (_measures(values, layer), *_experts(counted, got))
        parts.append(LayerPart(shortened(layer.name, 40), _brief(values, layer), tables))
        rows += [row for one in got for row in _csv(layer.name, one)]
    return parts, rows


def _brief(values: Values, layer: LayerTrace) -> str:
    found = [(label, values.of(values.main, layer.name, label)) for label in ranked(values)[:LABELS]]
    follows = [
        f"{shortened(label)} {with_unit(size(row), row.unit)}" for label, row in found if row and row.value is not None
    ]
    return ", ".join([f"{layer.experts} experts, {layer.slots} per row", *follows])


def _measures(values: Values, layer: LayerTrace) -> Table:
    found = [
        (label, values.of(measure, layer.name, label))
        for label in (*ranked(values)[:LABELS], "")
        for measure in MEASURES
    ]
    rows = tuple(_measure_row(label, row) for label, row in found if row is not None)
    return Table(
        "Measures",
        ("measure", "label", "value", "null", "estimate (95 % interval)", "p", "note"),
        "llrrrrl",
        rows,
        "p is corrected over all layers and labels of a measure. The null permutes documents.",
    )


def _measure_row(label: str, row: Written) -> tuple[str, ...]:
    estimate = NONE if row.estimate is None else f"{exact(row.estimate, row.unit)}{ends(row)}"
    note = row.notes if row.value is None or (label and row.adjusted_p is None and row.null_mean is not None) else ""
    value = NONE if row.value is None else with_unit(row.value, row.unit)
    return (
        row.measure,
        shortened(label),
        value,
        _digits(row.null_mean, row.unit),
        estimate,
        p_text(row),
        shortened(note, 90),
    )


def p_text(row: Written | None) -> str:
    return NONE if row is None or row.adjusted_p is None else f"{row.adjusted_p:.2g}"


def _digits(value: float | None, unit: str) -> str:
    return NONE if value is None else exact(value, unit)


def _experts(counted: Counted, got: Sequence[Gets]) -> Iterator[Table]:
    """The table; none if there is neither a label nor a token id."""
    if not counted.columns or not got:
        return
    most = sorted(sorted(got, key=lambda one: -one.excess)[:EXPERTS], key=lambda one: one.expert)
    rows = tuple(
        (str(one.expert), quantity(one.share, "fraction"), *(_overs(one.over[name]) for name in counted.columns))
        for one in most
    )
    few = (
        f" Token ids count if the expert gets them in at least {LEAST_DOCUMENTS} documents."
        if TOKEN in counted.columns
        else ""
    )
    yield Table(
        "Values that each expert gets more often than by chance",
        ("expert", "share of slots", *map(shortened, counted.columns)),
        "rr" + "l" * len(counted.columns),
        rows,
        f"{EXCESS}{few} Counted in {counted.documents:,} documents.",
    )


def _overs(overs: Sequence[Over]) -> str:
    return (
        "; ".join(
            f"{shortened(printable(one.name))} x{NBSP}{one.times:.3g} ({one.documents:,}{NBSP}doc.)" for one in overs
        )
        or NONE
    )


def _csv(layer: str, one: Gets) -> Iterator[dict[str, Any]]:
    for column, overs in one.over.items():
        for over in overs:
            yield {
                "layer": layer,
                "expert": one.expert,
                "share_of_slots": one.share,
                "column": column,
                "value": over.name,
                "slots": over.slots,
                "documents": over.documents,
                "times_chance": over.times,
            }


def paper_table(values: Values, most: int | None = None) -> Table | None:
    """One row per layer, with the values of each label; None without labels. ``most`` layers, by default all."""
    labels = ranked(values)[:LABELS]
    columns = [(measure, label) for label in labels for measure in values.for_paper if values.known(measure, label)]
    if not columns:
        return None
    header = ["layer"]
    for measure, label in columns:
        given = " | token id" if measure == GIVEN_TOKEN else ""
        header += [f"I(E;{shortened(label)}{given})/H(E) (%)", "p"]
    shown = every_nth(len(values.layers), most or len(values.layers))
    rows = tuple(
        (
            shortened(layer),
            *(cell for measure, label in columns for cell in _paper_cells(values.of(measure, layer, label))),
        )
        for layer in (values.layers[at] for at in shown)
    )
    tested = any(cell != NONE for row in rows for cell in row[2::2])
    p = (
        "p: one-sided, from permutations of documents, corrected over all layers and labels of a measure (step-down "
        "max T)."
        if tested
        else "There is no p: the notes of each layer's measures say why."
    )
    return Table(
        f"I(E;label)/H(E){values.of_what} by layer",
        tuple(header),
        "l" + "rr" * len(columns),
        rows,
        f"Estimates corrected for the bias of few documents, and 95 % intervals of the jackknife over documents. {p}",
    )


def _paper_cells(row: Written | None) -> tuple[str, str]:
    known = row is not None and row.value is not None
    return (f"{exact(size(row), row.unit)}{ends(row)}" if row is not None and known else NONE, p_text(row))


def paper_rows(values: Values) -> list[Mapping[str, Any]]:
    """table.csv: one row per layer, label and measure."""
    found = [
        (label, layer, values.of(measure, layer, label))
        for measure in values.for_paper
        for label in values.labels
        for layer in values.layers
    ]
    return [
        {
            "layer": layer,
            "label": label,
            "measure": row.measure,
            "estimate": size(row),
            "low": row.low,
            "high": row.high,
        }
        | {"value": row.value, "null_mean": row.null_mean, "p": row.p, "adjusted_p": row.adjusted_p}
        | {"documents": row.documents, "left_out": row.left_out}
        for label, layer, row in found
        if row is not None and row.value is not None
    ]
