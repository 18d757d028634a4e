"""The report of one trace: report.md, report.html, figures/ and tables, from its folder alone."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.metrics.traces.written import FILE
from moe_lab.reports.kit.page import render_markdown, rendered
from moe_lab.reports.kit.section import write_pages
from moe_lab.reports.kit.table import Table
from moe_lab.reports.trace.findings import findings
from moe_lab.reports.trace.sections import sections
from moe_lab.reports.trace.tables import CHAPTERS, layer_parts, paper_rows, paper_table
from moe_lab.reports.trace.values import Values, values_of
from moe_lab.routing.trace import Trace
from moe_lab.routing.trace_files import read_trace
from moe_lab.routing.trace_notes import notes
from moe_lab.store.atomic import write_csv
from moe_lab.store.run import Run, as_written

#: most letters of a source's description
LONG = 300
#: most notes on a trace that are listed
MOST = 16


@dataclass(frozen=True)
class TracePage:
    """A page's contents besides its chapters, and the files beside it: experts.csv, and the table for a paper."""

    trace: Trace
    values: Values
    context: dict[str, Any]
    #: name -> text
    pages: dict[str, str]
    experts: list[dict[str, Any]]
    paper: Table | None

    @staticmethod
    def of(run: Run) -> "TracePage":
        """Measures the trace if measures.csv is missing. Raises RunError if a file is broken or of another trace."""
        trace = read_trace(run)
        with as_written(run.path):
            values = values_of(run, trace)
            parts, experts = layer_parts(trace, values)
            paper = paper_table(values)
            all_notes = notes(trace)
            context = _context(run, trace) | {
                "findings": findings(values, {layer.name: layer.experts for layer in trace.layers}),
                "notes": all_notes[:MOST],
                "more_notes": len(all_notes[MOST:]),
                "parts": parts,
                "more": len(trace.layers) - len(parts),
                "paper": paper is not None,
                "experts": bool(experts),
            }
            pages = {"table.md": render_markdown("table.md", {"one": paper})} if paper else {}
        return TracePage(trace, values, context, pages, experts, paper)

    def write_tables(self, folder: Path) -> None:
        if self.experts:
            write_csv(folder / "experts.csv", self.experts)
        if self.paper:
            write_csv(folder / "table.csv", paper_rows(self.values))


def write_trace_report(run: Run) -> Path:
    """Write the report into the trace's folder, with measures.csv if it is missing; the same files give the same bytes.

    Returns: the path of report.html.
    Raises: RunError if a file of the trace is missing or broken, or is of another trace.
    """
    page = TracePage.of(run)
    with as_written(run.path):
        chapters = sections(page.trace, page.values)
        pages = rendered("trace", page.context | {"sections": chapters}) | page.pages
    report = write_pages(run.path, pages, chapters)
    page.write_tables(run.path)
    return report


def _context(run: Run, trace: Trace) -> dict[str, Any]:
    slots = sorted({layer.slots for layer in trace.layers})
    experts = sorted({layer.experts for layer in trace.layers})
    facts = {
        "rows": f"{trace.rows:,}",
        "documents": f"{trace.documents:,}",
        "layers": f"{len(trace.layers):,}",
        "experts per layer": _range(experts),
        "selected experts per row": _range(slots),
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
