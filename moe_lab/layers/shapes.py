"""Shapes of tensors."""

import numpy as np


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which tensors of these shapes are broadcast. ``torch.broadcast_shapes`` would import SymPy, which
    only torch's compiler needs. Raises ValueError if there is none."""
    return np.broadcast_shapes(*shapes)
