"""Data sets as tensors: found, checked, split, normalised.

A class a set; each is split and normalised once, then held in memory.
"""
