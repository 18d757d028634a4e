"""The report of many runs, by arms: runs that were told the same but for their seeds.

collect (what status.json, metrics.json and plan.json say) -> measured (means, intervals, tests) and decomposition (what
the routings say) -> data (report.json, CSV) -> figures and words -> report.md, report.html.
"""
