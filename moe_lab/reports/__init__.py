"""Pages about one run, many runs by arms, and traces.

A run's files become report.md, report.html and figures. Needs no torch.
"""

from moe_lab.reports.arms.write import ArmsReport
from moe_lab.reports.run.report import write_run_report
from moe_lab.reports.trace.compare import write_traces_report
from moe_lab.reports.trace.report import write_trace_report

__all__ = ["ArmsReport", "write_run_report", "write_trace_report", "write_traces_report"]
