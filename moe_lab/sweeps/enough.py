"""Whether a sweep has as many seeds as the comparisons of its report need."""

from collections import Counter

from moe_lab.reports.arms.naming import settings_of
from moe_lab.statistics import seeds_needed
from moe_lab.sweeps.plan import Plan

#: the settings of an arm
Arm = frozenset[tuple[str, str]]


def too_few_seeds(plan: Plan) -> str:
    """A sentence, if the jobs have too few seeds to show any difference between their arms; else empty.

    The report compares every other arm on the same data with the one nearest to the defaults, in error and in
    information; an arm with one expert is counted in error alone, and so is a baseline, as most have no experts. The
    exact sign-flip test with Holm over these m comparisons needs ceil(log2(40 m)) seeds.
    """
    by_data: dict[str, Counter[Arm]] = {}
    for one in plan.jobs:
        arm = frozenset(settings_of(one.job.differs).items())
        by_data.setdefault(str(one.job.choices.get("dataset")), Counter())[arm] += 1
    for seeds in by_data.values():
        family, most = _comparisons(list(seeds)), max(seeds.values())
        if family and most < seeds_needed(family):
            return _sentence(most, len(seeds), family)
    return ""


def _comparisons(arms: list[Arm]) -> int:
    base = min(arms, key=len)
    return sum(1 if _has_no_choice(arm) or _has_no_choice(base) else 2 for arm in arms if arm is not base)


def _has_no_choice(arm: Arm) -> bool:
    return any(key == "baseline" or (key, value) == ("experts.count", "1") for key, value in arm)


def _sentence(seeds: int, arms: int, family: int) -> str:
    needed = seeds_needed(family)
    comparisons = "1 comparison needs" if family == 1 else f"{family} comparisons need"
    return (
        f"with {seeds} seed{'s' if seeds > 1 else ''} no difference between these {arms} arms can be shown: "
        f"{comparisons} at least {needed} seeds, such as 'seed=range(0,{needed})'"
    )
