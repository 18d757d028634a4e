"""The best arms of a metric, and the arms that were not shown to differ from the best."""

from collections.abc import Sequence
from dataclasses import dataclass

from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.measured import Measured
from moe_lab.statistics import all_pairs, seeds_needed
from moe_lab.statistics.paired import LEVEL

#: key of an arm, and metric
Place = tuple[str, str]


@dataclass(frozen=True)
class Best:
    """The best arms by metric.

    ``best`` has the best mean of its metric, ``alike`` was not shown to differ from the best. ``tested`` are the
    metrics of the family of ``comparisons``; ``everywhere`` is True if every arm can have each of them. In the family
    no test can reach the level with fewer than ``needed`` seeds; ``too_few`` is True if no arm has that many.
    """

    best: frozenset[Place]
    alike: frozenset[Place]
    tested: tuple[str, ...]
    everywhere: bool
    comparisons: int
    needed: int
    too_few: bool

    @property
    def family(self) -> str:
        """The number of comparisons as text."""
        return f"{self.comparisons} comparison{'' if self.comparisons == 1 else 's'}"

    @property
    def where(self) -> str:
        """The end of a sentence on the compared arms; empty if every two arms are compared."""
        return "" if self.everywhere else ", where both arms can have the metric"


def blocks(arms: Sequence[Arm]) -> list[list[Arm]]:
    """The arms by data set, since error and information cannot be compared between data sets."""
    found: dict[str | None, list[Arm]] = {}
    for arm in arms:
        found.setdefault(arm.levels.get("dataset"), []).append(arm)
    return list(found.values())


def find_best(measured: Measured, arms: Sequence[Arm], metrics: Sequence[str]) -> Best:
    """The best arm of each metric with a direction, on each data set, and the arms that differ from it.

    The test is the exact paired sign-flip test over shared seeds, corrected after Holm over every pair of arms in every
    such metric. All pairs count, because the best arm is chosen by the same numbers. An arm with runs without a value
    is neither the best nor shown to differ. If every arm has one run, there is no best.
    """
    tested = tuple(name for name in metrics if measured.quantities[name].better != "none")
    if all(arm.n < 2 for arm in arms):
        return Best(frozenset(), frozenset(), (), True, 0, 0, False)
    groups = [
        {arm.key: {name: measured.compared(arm, name) for name in tested if measured.asked(arm, name)} for arm in one}
        for one in blocks(arms)
    ]
    adjusted = all_pairs(groups, tested)
    best, alike = set(), set()
    for group in groups:
        for name in tested:
            sign = 1 if measured.quantities[name].better == "lower" else -1
            means = {key: sign * sum(by[name].values()) / len(by[name]) for key, by in group.items() if by.get(name)}
            if len(means) < 2:
                continue
            first = min(means, key=means.__getitem__)
            best |= {(key, name) for key, mean in means.items() if mean == means[first]}
            others = [key for key, by in group.items() if name in by and (key, name) not in best]
            alike |= {(key, name) for key in others if not _differ(adjusted, key, first, name)}
    needed = seeds_needed(max(1, len(adjusted)))
    too_few = bool(adjusted) and max(arm.n for arm in arms) < needed
    everywhere = all(len(by) == len(tested) for group in groups for by in group.values())
    return Best(frozenset(best), frozenset(alike), tested, everywhere, len(adjusted), needed, too_few)


def _differ(adjusted: dict[tuple[str, str, str], float | None], one: str, other: str, name: str) -> bool:
    p = adjusted.get((one, other, name), adjusted.get((other, one, name)))
    return p is not None and p <= LEVEL
