"""Reports: a run's files -> report.md, report.html and figures; many runs by arms. Needs no torch."""

from moe_lab.reports.arms.write import ArmsReport
from moe_lab.reports.run.report import write_run_report

__all__ = ["ArmsReport", "write_run_report"]
