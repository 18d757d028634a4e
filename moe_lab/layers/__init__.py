"""Layers for one network or for many stacked along an axis."""
