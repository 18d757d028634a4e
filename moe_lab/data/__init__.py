"""Data sets as tensors: found, checked, split, normalised.

One class per data set; each is split and normalised once, then kept in memory.
"""
