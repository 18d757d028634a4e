"""The report of several traces side by side: common measures by layer, and differences if their rows are the same."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.errors import RunError
from moe_lab.metrics.traces import Measured, compare_models, compare_steps
from moe_lab.metrics.traces.pairs import SATURATION
from moe_lab.metrics.traces.written import FILE, Written, row_of
from moe_lab.reports.kit.heat import every_nth, shortened
from moe_lab.reports.kit.numbers import NONE
from moe_lab.reports.kit.page import rendered
from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.kit.section import Section, write_pages
from moe_lab.reports.kit.style import HUES
from moe_lab.reports.kit.table import Table
from moe_lab.reports.trace.findings import findings, ranked
from moe_lab.reports.trace.lines import Line, Panel, line_picture
from moe_lab.reports.trace.sections import DEFINED, MAXVIO, PANELS, REPEATS
from moe_lab.reports.trace.tables import LABELS, LAYERS, p_text
from moe_lab.reports.trace.values import Values, ends, exact_value, size, sure, values_of, with_unit
from moe_lab.routing.trace import Trace
from moe_lab.routing.trace_files import read_trace
from moe_lab.store.atomic import write_csv
from moe_lab.store.run import Run, as_written

#: most traces on one page, each with a colour and a column
MOST = len(HUES) - 1
#: most labels with a picture of lines; with seven traces a picture has half a megabyte
DRAWN_LABELS = 2
#: measures without a label that are compared
USE = {
    "slot_max_violation_global": MAXVIO,
    "repeat_rate": REPEATS,
}

#: captions of a comparison on the same rows: of traces with the same layers, and with different ones
STEPS = (
    "The traces have the same layers, as two steps of one model have: saturation is the share of a row's experts in "
    "the first trace that the second selects for it, too; usage drift is the Jensen-Shannon divergence of the two "
    "usages. Neither has a meaning for two different models."
)
MODELS = (
    "The traces have different layers, as two models have: matched agreement is the share of rows with the same first "
    "choice after the experts were matched."
)


@dataclass(frozen=True)
class Member:
    """One of the traces. ``key`` is a letter, since two folders may have the same name."""

    key: str
    run: Run
    trace: Trace
    values: Values


def write_traces_report(runs: Sequence[Run], claim: Callable[[], Path]) -> Path:
    """Write report.md, report.html, figures/ and measures.csv into the folder that ``claim`` makes.

    Returns: the path of report.html.
    Raises: RunError if there are too many traces, or a file of one is broken; no folder is made then.
    """
    if len(runs) > MOST:
        raise RunError(f"{len(runs)} traces, but one report compares at most {MOST}: give fewer")
    members = _members(runs)
    changed = [_changed(members[0], other) for other in members[1:]]
    sections = [*_same_rows(members, changed), *_sections(members)]
    context = {
        "title": f"{len(members)} trace{'s' if len(members) != 1 else ''}",
        "members": [_member_row(one) for one in members],
        "findings": _findings(members),
        "sections": sections,
        "measures": FILE,
    }
    pages = rendered("traces", context)
    out = claim()
    write_csv(out / FILE, list(_rows(members, changed)))
    return write_pages(out, pages, sections)


def trace_sentences(runs: Sequence[Run]) -> list[str]:
    """The sentences with which the report of these traces begins; they are measured if measures.csv is missing."""
    members = _members(runs)
    return findings(members[0].values, _experts(members[0])) if len(members) == 1 else _findings(members)


def _findings(members: Sequence[Member]) -> list[str]:
    return [f"{one.key}: {findings(one.values, _experts(one))[0]}" for one in members]


def _members(runs: Sequence[Run]) -> list[Member]:
    return [_member(chr(ord("A") + place), run) for place, run in enumerate(runs)]


def _member(key: str, run: Run) -> Member:
    trace = read_trace(run)
    with as_written(run.path):
        return Member(key, run, trace, values_of(run, trace))


def _experts(one: Member) -> dict[str, int]:
    return {layer.name: layer.experts for layer in one.trace.layers}


def _member_row(one: Member) -> tuple[str, ...]:
    trace = one.trace
    return one.key, one.run.name, f"{trace.rows:,}", f"{trace.documents:,}", f"{len(trace.layers):,}"


def _changed(first: Member, other: Member) -> list[Measured] | str:
    """Saturation and drift if both have the same layers, else agreement; or the reason why there is neither."""
    try:
        return compare_steps(first.trace, other.trace)
    except RunError:
        try:
            return compare_models(first.trace, other.trace)
        except RunError as error:
            return str(error)


def _same_rows(members: Sequence[Member], changed: Sequence[list[Measured] | str]) -> Iterator[Section]:
    notes, tables = [], []
    for other, found in zip(members[1:], changed, strict=True):
        pair = f"{members[0].key} and {other.key}"
        if isinstance(found, str):
            notes.append(f"{pair}: {found}.")
        else:
            tables.append(_change_table(pair, found))
    if changed:
        yield Section("On the same rows", notes=tuple(notes), tables=tuple(tables))


def _change_table(pair: str, found: Sequence[Measured]) -> Table:
    rows = [
        (shortened(row.layer, 40), row.measure, _plain(row), p_text(row))
        for row in (Written(**row_of(one)) for one in found)
    ]
    return Table(
        pair,
        ("layer", "measure", "value (95 % interval)", "p"),
        "llrr",
        tuple(rows[at] for at in every_nth(len(rows), LAYERS)),
        STEPS if any(row.measure == SATURATION for row in found) else MODELS,
    )


def _plain(row: Written) -> str:
    """The plug-in value, not corrected for chance, and its interval."""
    return NONE if row.value is None else f"{with_unit(row.value, row.unit)}{ends(row)}"


def _sections(members: Sequence[Member]) -> Iterator[Section]:
    """Chapters for each label that all traces have, and for measures without a label."""
    common = [label for label in ranked(members[0].values) if all(label in one.values.labels for one in members)]
    if not common:
        yield Section("Labels", notes=("The traces have no label in common.",))
    for place, label in enumerate(common[:LABELS]):
        pictures = _lines(members, PANELS, label, f"label_{place}") if place < DRAWN_LABELS else ()
        yield Section(f"What follows the label {shortened(label)}", pictures, tables=(_table(members, label),))
    pictures = _lines(members, USE, "", "use")
    if pictures:
        yield Section("How experts are used", pictures)


def _lines(members: Sequence[Member], panels: dict[str, str], label: str, stem: str) -> tuple[Picture, ...]:
    """Values by the number of the layer, since two models may name their layers differently."""
    most = max(len(one.values.layers) for one in members)
    drawn = [
        Panel(name, _unit(members, measure, label), tuple(_line(one, measure, label, most) for one in members))
        for measure, name in panels.items()
        if all(one.values.known(measure, label) for one in members)
    ]
    lines = [line for panel in drawn for line in panel.lines]
    texts = ["The x axis is the number of the layer in its model."]
    texts += [f"{DEFINED[panel.title]}." for panel in drawn if panel.title in DEFINED]
    if any(low is not None for line in lines for low in line.low_L):
        texts.append("Bars: 95 % intervals over documents.")
    if any(line.sure_L for line in lines):
        texts.append("Filled: beyond chance after correction within the trace.")
    caption = " ".join(texts)
    title = f"Side by side: {shortened(label)}" if label else "Side by side"
    return (line_picture(stem, title, caption, [str(at) for at in range(most)], drawn),) if drawn else ()


def _unit(members: Sequence[Member], measure: str, label: str) -> str:
    return next(iter(members[0].values.known(measure, label).values())).unit


def _line(one: Member, measure: str, label: str, most: int) -> Line:
    rows = one.values.by_layer(measure, label)
    rows += [None] * (most - len(rows))
    tests = any(row is not None and row.adjusted_p is not None for row in rows)
    return Line(
        one.key,
        [None if row is None or row.value is None else size(row) for row in rows],
        HUES[ord(one.key) - ord("A")],
        "-",
        [None if row is None else row.low for row in rows],
        [None if row is None else row.high for row in rows],
        [sure(row) for row in rows] if tests else (),
    )


def _table(members: Sequence[Member], label: str) -> Table:
    """I(E;label)/H(E), one row per layer number, two columns per trace."""
    most = max(len(one.values.layers) for one in members)
    rows = tuple(
        (str(at), *(cell for one in members for cell in _cells(one, at, label))) for at in every_nth(most, LAYERS)
    )
    shares = [f"{one.key}: I(E;{shortened(label)})/H(E){one.values.of_what}" for one in members]
    header = ("layer", *(text for share in shares for text in (share, "p")))
    caption = (
        "Estimates and their 95 % intervals over documents. p is for each trace separately, against its own null; "
        "differences between traces are not tested."
    )
    return Table(f"By layer: {shortened(label)}", header, "l" + "rr" * len(members), rows, caption)


def _cells(one: Member, at: int, label: str) -> tuple[str, str]:
    row = one.values.of(one.values.main, one.values.layers[at], label) if at < len(one.values.layers) else None
    return (exact_value(row) if row is not None and row.value is not None else NONE), p_text(row)


def _rows(members: Sequence[Member], changed: Sequence[list[Measured] | str]) -> Iterator[dict[str, Any]]:
    """measures.csv: every measure of every trace, and those that compare two."""
    for one in members:
        for row in one.values.rows:
            yield {"trace": one.run.name, "other": ""} | vars(row)
    for other, found in zip(members[1:], changed, strict=True):
        for measured in found if isinstance(found, list) else []:
            yield {"trace": members[0].run.name, "other": other.run.name} | row_of(measured)
