"""Launchers, one a file; ``conf/launcher/NAME.yaml`` names its class and writes out its options."""
