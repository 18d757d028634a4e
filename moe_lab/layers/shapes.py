"""Shapes of tensors."""

import numpy as np


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which tensors of these shapes are broadcast. ``torch.broadcast_shapes`` would import SymPy for the
    symbols that its compiler has in place of numbers. Raises ValueError if there is none."""
    return np.broadcast_shapes(*shapes)
