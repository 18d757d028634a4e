"""Loggers: other tools that also receive a run's losses and metrics.

There is one logger per file; ``conf/logger/NAME.yaml`` names its class and lists its options.
"""
