"""Run folders: how they are claimed, written and read.

Knows file formats, nothing of training.
"""
