"""The verdicts of a study's own comparisons: every arm against one of them, in the metrics that have a margin."""

from collections.abc import Mapping, Sequence

from moe_lab.statistics import Verdict, equivalence_p, holm, seeds_needed, sign_flip_p
from moe_lab.statistics.paired import LEVEL
from moe_lab.sweeps.studies.study import Study

#: arm and metric -> a difference a seed
Pairs = Mapping[tuple[str, str], Sequence[float]]


def family_of(study: Study) -> list[tuple[str, str]]:
    """The declared comparisons of a study of which nothing was published: every arm but the one that the others are set
    against, in every metric with a margin. One without runs counts, or the others would look surer."""
    if study.file.published:
        return []
    return [(arm, metric) for arm in study.arms if arm != study.file.against for metric in study.file.margins]


def own_verdicts(study: Study, pairs: Pairs) -> dict[tuple[str, str], Verdict]:
    """Equivalent, if the mean difference lies within the margin by two one-sided sign-flip tests; different, if the
    sign-flip test rejects 0; else inconclusive. Each question corrected over the family by Holm. Comparisons without
    ``pairs`` are left out."""
    family = family_of(study)
    alike = holm([equivalence_p(pairs[one], study.file.margins[one[1]]) if one in pairs else None for one in family])
    apart = holm([sign_flip_p(pairs[one]) if one in pairs else None for one in family])
    return {
        one: _verdict(len(pairs[one]), len(family), equal, unequal)
        for one, equal, unequal in zip(family, alike, apart, strict=True)
        if equal is not None and unequal is not None
    }


def _verdict(seeds: int, family: int, equal: float, unequal: float) -> Verdict:
    if equal <= LEVEL:
        return Verdict("equivalent", "the difference lies within the margin", p=equal)
    if unequal <= LEVEL:
        return Verdict("different", "the difference is not 0", p=unequal)
    needed = seeds_needed(family)
    if seeds < needed:
        return Verdict("inconclusive", f"a family of {family} needs {needed} seeds", runs=needed, p=unequal)
    return Verdict("inconclusive", "neither within the margin nor surely other than 0", p=unequal)
