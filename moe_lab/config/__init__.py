"""From overrides to a checked config.

It composes with Hydra, checks against signatures, builds objects and lists options.
"""
