"""Loggers, one a file; ``conf/logger/NAME.yaml`` names its class and writes out its options."""
