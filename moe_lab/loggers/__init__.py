"""Where the numbers of a training go besides its folder.

There is one logger per file; ``conf/logger/NAME.yaml`` names its class and lists its options.
"""
