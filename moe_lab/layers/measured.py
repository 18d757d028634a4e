"""Tables of measurements at some shapes, from which values at other shapes are estimated."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """A CSV file of measurements, with comments at the top.

    kind:  columns that must match exactly, such as the kind of device.
    shape: columns of sizes, by which the nearest row is chosen.
    value: the column of the result.
    """

    path: Path
    kind: tuple[str, ...]
    shape: tuple[str, ...]
    value: str

    def nearest(self, kind: Sequence[str], shape: Sequence[int]) -> float | None:
        """The value at the measured shape that is nearest in the logarithms of the sizes, the first one if several are
        equally near; None if nothing of this kind was measured."""
        wanted = _logs(shape)
        found = [(math.dist(wanted, logs), value) for of, logs, value in self._rows if of == tuple(kind)]
        return min(found, key=lambda one: one[0])[1] if found else None

    @cached_property
    def _rows(self) -> list[tuple[tuple[str, ...], list[float], float]]:
        lines = (line for line in self.path.read_text().splitlines() if not line.startswith("#"))
        return [
            (
                tuple(row[name] for name in self.kind),
                _logs([int(row[name]) for name in self.shape]),
                float(row[self.value]),
            )
            for row in csv.DictReader(lines)
        ]


def _logs(sizes: Sequence[int]) -> list[float]:
    return [math.log2(size) for size in sizes]
