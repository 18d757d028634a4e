"""Reports on one run, on many runs by arms, and on traces.

They are made from a run's files: report.md, report.html and figures. They need no torch. A name is imported when it is
first asked for, because a listing of runs needs only how reports write numbers.
"""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moe_lab.reports.arms.write import ArmsReport
    from moe_lab.reports.network.report import write_network_report
    from moe_lab.reports.run.report import write_run_report
    from moe_lab.reports.trace.compare import trace_sentences, write_traces_report
    from moe_lab.reports.trace.report import write_trace_report
    from moe_lab.store.run import Run

__all__ = [
    "ArmsReport",
    "trace_sentences",
    "write_network_report",
    "write_report",
    "write_run_report",
    "write_trace_report",
    "write_traces_report",
]

#: public name -> the module that it comes from
_HOMES = {
    "ArmsReport": "moe_lab.reports.arms.write",
    "trace_sentences": "moe_lab.reports.trace.compare",
    "write_network_report": "moe_lab.reports.network.report",
    "write_run_report": "moe_lab.reports.run.report",
    "write_trace_report": "moe_lab.reports.trace.report",
    "write_traces_report": "moe_lab.reports.trace.compare",
}
#: kind of a run -> the name of the function that writes its report
_WRITERS = {"mixture": "write_run_report", "network": "write_network_report", "trace": "write_trace_report"}


def write_report(run: "Run") -> Path:
    """Write the report of one run, whatever its kind, into its folder; the path of report.html. Raises RunError."""
    written: Path = __getattr__(_WRITERS[run.kind])(run)
    return written


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'moe_lab.reports' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
