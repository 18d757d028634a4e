"""Sweepers, one a file; ``conf/sweeper/NAME.yaml`` names its class and writes out its options."""
