"""Where the numbers of a training go besides its folder.

One logger a file; ``conf/logger/NAME.yaml`` names its class and writes out its options.
"""
