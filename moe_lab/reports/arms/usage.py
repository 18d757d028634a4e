"""Information of two arms at matched usage, because H(load) bounds I(E;Y), so balance alone can raise it."""

from dataclasses import dataclass

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.measured import BITS, USAGE, Measured
from moe_lab.statistics import Summary, difference_summary, matched_pairs

#: largest difference in H(load), in bits, between matched runs
CALIPER = 0.1


@dataclass(frozen=True)
class Matched:
    """Two arms at matched usage.

    ``difference`` in I(E;Y) is over the matched ``pairs`` of the ``possible`` ones, and ``usage`` is the remaining mean
    difference in H(load). Both are None without a pair.
    """

    pairs: int
    possible: int
    difference: Summary | None
    usage: float | None


def at_matched_usage(arm: Arm, base: Arm) -> Matched:
    """I(E;Y) of ``arm`` minus that of ``base`` over pairs of runs, one of each.

    The H(load) of a pair differ by at most 0.1 bit. The interval treats the pairs as replications.
    """
    ours, theirs = _points(arm), _points(base)
    pairs = matched_pairs([usage for usage, _ in ours], [usage for usage, _ in theirs], CALIPER)
    possible = min(len(ours), len(theirs))
    if not pairs:
        return Matched(0, possible, None, None)
    apart = [ours[one][1] - theirs[other][1] for one, other in pairs]
    left = sum(ours[one][0] - theirs[other][0] for one, other in pairs) / len(pairs)
    return Matched(len(pairs), possible, difference_summary(apart, "pairs"), left)


def _points(arm: Arm) -> list[tuple[float, float]]:
    """(H(load), I(E;Y)) of each run with both."""
    usage, bits = arm.values(USAGE), arm.values(BITS)
    return [(usage[seed], bits[seed]) for seed in usage if seed in bits]


def matched(measured: Measured) -> dict[str, Matched]:
    """Key of an arm -> its comparison with the baseline, if both have runs with information and usage."""
    base = measured.baseline
    if base not in measured.comparable or measured.collection.single or not _points(base):
        return {}
    comparable = [arm for arm in measured.comparable if arm is not base and _points(arm)]
    return {arm.key: at_matched_usage(arm, base) for arm in measured.ranked if arm in comparable}
