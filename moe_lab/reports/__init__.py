"""Reports: a run's files -> report.md, report.html and figures; several runs side by side. Needs no torch."""

from moe_lab.reports.compare import comparison, write_comparison
from moe_lab.reports.run_report import write_run_report

__all__ = ["comparison", "write_comparison", "write_run_report"]
