"""Reports on one run, on many runs by arms, and on traces.

They are made from a run's files: report.md, report.html and figures. They need no torch.
"""

from pathlib import Path

from moe_lab.reports.arms.write import ArmsReport
from moe_lab.reports.network.report import write_network_report
from moe_lab.reports.run.report import write_run_report
from moe_lab.reports.trace.compare import trace_sentences, write_traces_report
from moe_lab.reports.trace.report import write_trace_report
from moe_lab.store.run import Run


def write_report(run: Run) -> Path:
    """Write the report of one run, whatever its kind, into its folder; the path of report.html. Raises RunError."""
    writers = {"mixture": write_run_report, "network": write_network_report, "trace": write_trace_report}
    return writers[run.kind](run)


__all__ = [
    "ArmsReport",
    "trace_sentences",
    "write_network_report",
    "write_report",
    "write_run_report",
    "write_trace_report",
    "write_traces_report",
]
