"""Many runs from one command: plans, launchers, sweepers, studies.

A plan holds whole configs, launchers hand its jobs out, and a table says what became of each.
"""
