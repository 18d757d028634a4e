"""Measurements behind the claims of speed.

Each module with ``rows(quick)`` measures one target against a baseline in the same process; its docstring begins with
"Target N: ...". ``python -m benchmarks`` runs them; README.md has the results.
"""
