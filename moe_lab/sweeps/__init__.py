"""Many runs from one command: plans, launchers, sweepers, studies.

A plan contains whole configs, launchers distribute its jobs, and a table lists their outcomes.
"""
