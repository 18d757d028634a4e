from typing import get_args

from moe_lab.config.ranges import (
    Count,
    ExpertCount,
    NonNegative,
    NonNegativeInt,
    Positive,
    Range,
    Seed,
    Share,
    Threads,
    Widths,
)


def test_types_and_bounds():
    expected = {
        Count: (int, Range(ge=1)),
        ExpertCount: (int, Range(ge=1, le=100_000)),
        Widths: (tuple[Count, ...], Range(min_length=1)),
        Threads: (int, Range(ge=1, le=1024)),
        NonNegativeInt: (int, Range(ge=0)),
        Seed: (int, Range(ge=0, lt=2**63)),
        Positive: (float, Range(gt=0)),
        NonNegative: (float, Range(ge=0)),
        Share: (float, Range(ge=0, lt=1)),
    }
    assert {hint: get_args(hint) for hint in expected} == expected
