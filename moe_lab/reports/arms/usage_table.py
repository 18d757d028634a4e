"""The table of information at matched usage, in words."""

from moe_lab.reports.arms.measured import BITS, Measured
from moe_lab.reports.arms.usage import CALIPER, matched
from moe_lab.reports.arms.words import changed, changed_ends
from moe_lab.reports.kit.numbers import NONE

USAGE_NOTE = (
    f"A more even use of the experts alone raises I(E;Y). So runs are paired, one of each arm, whose H(load) differ by "
    f"at most {CALIPER} bit: as many pairs as there are. The interval is the inverted sign-flip test's, uncorrected."
)


def usage_table(measured: Measured) -> list[list[str]]:
    """A row an arm against the baseline: matched pairs, what they differ by in I(E;Y), and what in H(load)."""
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
