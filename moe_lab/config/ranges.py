"""Types for the keyword-only options of parts: a plain number and the range it must lie in.

A part writes ``hidden: Count = 32`` and gets a plain int; the range is checked when a config is composed
(moe_lab/config/check.py). This module needs only Python, so parts run with torch as the only installed package.
"""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Range:
    """Bounds of a number, and the least length of a tuple; None is no bound."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    min_length: int | None = None


Count = Annotated[int, Range(ge=1)]
#: the numbers of some classes
Classes = Annotated[tuple[Annotated[int, Range(ge=0)], ...], Range(min_length=1)]
Widths = Annotated[tuple[Count, ...], Range(min_length=1)]
#: number of experts: each is built by itself before they are stacked
ExpertCount = Annotated[int, Range(ge=1, le=100_000)]
Threads = Annotated[int, Range(ge=1, le=1024)]
NonNegativeInt = Annotated[int, Range(ge=0)]
Seed = Annotated[int, Range(ge=0, lt=2**63)]
Positive = Annotated[float, Range(gt=0)]
NonNegative = Annotated[float, Range(ge=0)]
Share = Annotated[float, Range(ge=0, lt=1)]
Fraction = Annotated[float, Range(ge=0, le=1)]
