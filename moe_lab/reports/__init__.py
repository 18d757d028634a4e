"""Pages about one run, and about many runs by arms.

A run's files become report.md, report.html and figures. Needs no torch.
"""

from moe_lab.reports.arms.write import ArmsReport
from moe_lab.reports.run.report import write_run_report

__all__ = ["ArmsReport", "write_run_report"]
