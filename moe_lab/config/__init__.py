"""From typed words to a checked config.

Composing with Hydra, checking against signatures, building, listing.
"""
