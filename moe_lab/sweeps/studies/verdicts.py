"""The verdict on a published number, or its difference, of a study: which question can be asked of it, and the
answer."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from moe_lab.statistics import Published, Verdict, best_of, direction_verdict, effect_verdict, level_verdict
from moe_lab.sweeps.studies.file import Row
from moe_lab.sweeps.studies.study import Study

#: verdicts in the order in which they are counted
ORDER = ("equivalent", "different", "holds", "reversed", "inconclusive")
#: setting and seed of a run
Place = tuple[tuple[str, ...], int]


class Values(Protocol):
    """What has been measured."""

    def values(self, arm: str, metric: str) -> dict[Place, float]: ...

    def selections(self, arm: str, by: str) -> dict[Place, float]: ...


def level_of(study: Study, measured: Values, arm: str, metric: str) -> Verdict:
    """The verdict on the mean of an arm, or on its printed best."""
    if not study.file.published:
        return Verdict("not asked", "nothing was published")
    row, values = study.rows.get(arm, Row()), measured.values(arm, metric)
    if reason := other_study(study):
        return Verdict("not comparable", reason)
    if metric not in {**row.best, **row.mean}:
        return Verdict("not comparable", "nothing was published")
    if not values:
        return Verdict("not comparable", "no run finished")
    margin, mean = study.file.margins.get(metric), published_mean(row, metric)
    if mean is not None and (mean.spread is not None or metric not in row.best):
        return level_verdict(list(values.values()), mean, margin)
    if row.of is None:
        return Verdict("not comparable", "it was not printed of how many runs theirs is the best")
    selections = measured.selections(arm, row.by)
    chosen = [selections.get(place, math.nan) for place in values]
    return best_of(chosen, list(values.values()), row.best[metric], row.of, margin)


def effect_of(study: Study, arm: str, metric: str, pairs: Sequence[float], family: int) -> Verdict:
    """The verdict on the paired differences of an arm to the one that all are set against.

    Args:
        pairs: a difference a seed.
        family: number of printed differences without a spread, whose directions are asked about together.
    """
    if not study.file.published:
        return Verdict("not asked", "it has no margin")
    if reason := other_study(study):
        return Verdict("not comparable", reason)
    of_arm, of_base = (published_mean(study.rows.get(one, Row()), metric) for one in (arm, study.file.against))
    if of_arm is None or of_base is None:
        return Verdict("not comparable", "no mean over runs was published")
    if of_arm.spread is None or of_base.spread is None:
        return direction_verdict(pairs, of_arm.mean - of_base.mean, family)
    return effect_verdict(pairs, of_arm, of_base, study.file.margins.get(metric))


def asks_direction(study: Study, arm: str, metric: str) -> bool:
    """Whether the published difference has a direction, and nothing else to be compared."""
    of_arm, of_base = (published_mean(study.rows.get(one, Row()), metric) for one in (arm, study.file.against))
    if of_arm is None or of_base is None or other_study(study):
        return False
    return (of_arm.spread is None or of_base.spread is None) and of_arm.mean != of_base.mean


def published_difference(study: Study, arm: str, metric: str) -> float | None:
    """Their mean of the arm less that of the one that all are set against; None if not both were published."""
    of_arm, of_base = (published_mean(study.rows.get(one, Row()), metric) for one in (arm, study.file.against))
    return None if of_arm is None or of_base is None else of_arm.mean - of_base.mean


def published_mean(row: Row, metric: str) -> Published | None:
    if metric not in row.mean:
        return None
    mean, sd = row.mean[metric]
    return Published(mean, sd, row.n)


def other_study(study: Study) -> str | None:
    """Why nothing of it can be held against what was published; None if it can."""
    if not study.rows:
        return "nothing was published"
    if study.extra:
        return f"not as published: {' '.join(study.extra)}"
    return "another protocol than the published one" if study.fair else None


def tally(
    lines: Sequence[Mapping[str, Any]], noun: str = "published number", which: str = " that can be compared"
) -> str:
    """``Of 33 numbers 14 are equivalent, 2 hold, 1 is reversed, 16 are inconclusive.``, or ``The one number is
    equivalent.``; those of which nothing could be asked are not counted. Empty if none is left. ``noun`` is the
    singular, ``which`` follows it."""
    asked = [line for line in lines if line["verdict"] not in ("not asked", "not comparable")]
    counts = Counter(line["verdict"] for line in asked)
    told, before = [], ""
    for word in (one for one in ORDER if counts[one]):
        verb = "" if word == "holds" else "is " if counts[word] == 1 else "are "
        verdict = "hold" if word == "holds" and counts[word] > 1 else word
        told.append(f"{counts[word]} {'' if verb == before else verb}{verdict}")
        before = verb
    if len(asked) == 1:
        return f"The one {noun}{which} {told[0].removeprefix('1 ')}."
    return f"Of {len(asked)} {noun}s{which} {', '.join(told)}." if asked else ""
