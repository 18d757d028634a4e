"""The table of information at matched usage, as text."""

from moe_lab.reports.arms.measured import BITS, Measured
from moe_lab.reports.arms.usage import CALIPER, matched
from moe_lab.reports.arms.words import changed, changed_ends
from moe_lab.reports.kit.numbers import NONE

USAGE_NOTE = (
    "More even use of the experts alone can raise I(E;Y). So runs of the two arms are paired if their H(load) differ "
    f"by at most {CALIPER} bit, with as many pairs as possible. The interval is from the sign-flip test, uncorrected."
)


def usage_table(measured: Measured) -> list[list[str]]:
    """One row per arm, compared with the baseline: matched pairs, and their differences in I(E;Y) and H(load)."""
    if BITS not in measured.quantities:
        return []
    quantity = measured.quantities[BITS]
    return [
        [key, f"{one.pairs} of {one.possible}"]
        + (
            [changed(quantity, one.difference.mean), changed_ends(quantity, one.difference)]
            if one.difference
            else [NONE, "no such pair"]
        )
        + [changed(quantity, one.usage) if one.usage is not None else NONE]
        for key, one in matched(measured).items()
    ]
