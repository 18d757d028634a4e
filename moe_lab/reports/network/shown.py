"""The choice of layers that have pictures of their own."""

from collections.abc import Sequence

import numpy as np

#: most mixture layers with pictures, from the first to the last
LAYERS = 4


def shown_layers(names: Sequence[str]) -> list[str]:
    """The layers that have pictures: all if they are few, else the first, the last and evenly spaced ones between."""
    places = np.linspace(0, len(names) - 1, min(len(names), LAYERS)).round().astype(int)
    return [names[place] for place in places.tolist()]


def left_out(names: Sequence[str]) -> tuple[str, ...]:
    """A sentence about layers without pictures, if there are any."""
    shown = len(shown_layers(names))
    return () if shown == len(names) else (f"Pictures of {shown} of {len(names)} mixture layers.",)
