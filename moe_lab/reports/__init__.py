"""Pages about one run, about many runs by arms, and about traces.

A run's files become report.md, report.html and figures. Needs no torch.
"""

from moe_lab.reports.arms.write import ArmsReport
from moe_lab.reports.run.report import write_run_report
from moe_lab.reports.trace.report import write_trace_report

__all__ = ["ArmsReport", "write_run_report", "write_trace_report"]
