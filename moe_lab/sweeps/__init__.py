"""Many jobs from one command: a plan of whole configs, launchers that hand its jobs out, and what became of each."""
