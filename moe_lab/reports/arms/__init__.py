"""The report of many runs by arms. An arm is all runs with equal settings apart from seeds.

collect (status.json, metrics.json and plan.json) -> measured (means, intervals, tests) and decomposition (the routings)
-> data (report.json, CSV) -> figures and words -> report.md, report.html.
"""
