"""Data sets as tensors: a class a set, found and checked on disk, split and normalised once, then held in memory."""
