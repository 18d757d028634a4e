"""The report of one trace: report.md, report.html, figures/ and tables, from its folder alone."""

from pathlib import Path
from typing import Any

from moe_lab.metrics.traces.written import FILE
from moe_lab.reports.kit.page import render_html, render_markdown
from moe_lab.reports.trace.findings import findings
from moe_lab.reports.trace.sections import sections
from moe_lab.reports.trace.tables import CHAPTERS, layer_parts, paper_rows, paper_table
from moe_lab.reports.trace.values import values_of
from moe_lab.routing.trace import Trace
from moe_lab.routing.trace_files import read_trace
from moe_lab.routing.trace_notes import notes
from moe_lab.store.atomic import clear_leftovers, write_csv, write_text
from moe_lab.store.run import Run, as_written

#: of a source's description
LONG = 300
#: things to know of a trace that are listed
MOST = 16


def write_trace_report(run: Run) -> Path:
    """Write the report into the trace's folder, with measures.csv if it is missing; the same files give the same bytes.

    Returns: the path of report.html.
    Raises: RunError if a file of the trace is missing or broken, or is of another trace.
    """
    trace = read_trace(run)
    with as_written(run.path):
        values = values_of(run, trace)
        chapters = sections(trace, values)
        parts, experts = layer_parts(trace, values)
        paper = paper_table(values)
        told = notes(trace)
        context = _context(run, trace) | {
            "findings": findings(values, {layer.name: layer.experts for layer in trace.layers}),
            "notes": told[:MOST],
            "more_notes": len(told[MOST:]),
            "sections": chapters,
            "parts": parts,
            "more": len(trace.layers) - len(parts),
            "paper": paper is not None,
            "experts": bool(experts),
        }
        pages = render_markdown("trace.md", context), render_html("trace.html", context)
        table = render_markdown("table.md", {"one": paper}) if paper else ""
    clear_leftovers(run.path)
    for section in chapters:
        for picture in section.pictures:
            picture.save(run.path)
    if experts:
        write_csv(run.path / "experts.csv", experts)
    if paper:
        write_csv(run.path / "table.csv", paper_rows(values))
        write_text(run.path / "table.md", table)
    for name, text in zip(("report.md", "report.html"), pages, strict=True):
        write_text(run.path / name, text)
    return run.path / "report.html"


def _context(run: Run, trace: Trace) -> dict[str, Any]:
    slots = sorted({layer.slots for layer in trace.layers})
    experts = sorted({layer.experts for layer in trace.layers})
    facts = {
        "rows": f"{trace.rows:,}",
        "documents": f"{trace.documents:,}",
        "layers": f"{len(trace.layers):,}",
        "experts a layer": _range(experts),
        "selected experts a row": _range(slots),
        "labels": _names(trace),
    }
    if trace.source:
        facts["source"] = trace.source[:LONG]
    return {"name": run.name, "facts": facts, "measures": FILE, "chapters": CHAPTERS}


def _range(numbers: list[int]) -> str:
    return f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _names(trace: Trace) -> str:
    from moe_lab.reports.kit.heat import shortened

    shown = [f"{shortened(name)} ({len(trace.label(name).names)} values)" for name in trace.label_names[:8]]
    more = f" and {len(trace.label_names) - 8} more" if len(trace.label_names) > 8 else ""
    return (", ".join(shown) or "none") + more
