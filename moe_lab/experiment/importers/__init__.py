"""Traces from the files of serving and training stacks: one module a format, which reads; the rest is common."""
