"""What the claims of speed rest on: each module with ``rows(quick)`` measures one target against a baseline that runs
in the same process, and its docstring begins with "Target N: ...". ``python -m benchmarks`` runs them; README.md says
what was found."""
