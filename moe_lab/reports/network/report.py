"""The report of one network of mixture layers: report.md, report.html, figures/ and tables, from its folder alone."""

from pathlib import Path

from moe_lab.reports.trace.report import write_trace_report
from moe_lab.store.run import Run


def write_network_report(run: Run) -> Path:
    """Write the report into the run's folder; the same files give the same bytes.

    Returns: the path of report.html.
    Raises: RunError if a file of the run is missing or broken.
    """
    return write_trace_report(run)
