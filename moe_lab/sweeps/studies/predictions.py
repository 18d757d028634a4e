"""What a claim predicted beside what came out: a line a prediction, with its verdict."""

from collections.abc import Sequence
from typing import Any

from moe_lab.statistics import Verdict, difference_summary, equivalence_p, holm, seeds_needed, sign_flip_p
from moe_lab.statistics.paired import LEVEL
from moe_lab.statistics.replication import Word
from moe_lab.sweeps.studies.claims import Claim, Prediction, expectation
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.study import Study

Line = dict[str, Any]
SIGN = {"higher": 1, "lower": -1}
COLUMNS = ("arm", "metric", "predicted", "measured", "verdict")


def predicted(study: Study, measured: Measured) -> list[Line]:
    """A line a prediction of the claim; none if the study is no claim. The family of all its predictions is corrected
    together, one without runs too."""
    if not isinstance(study.file, Claim):
        return []
    asked = study.file.predictions
    pairs = [_pairs(study, measured, one) for one in asked]
    return [_line(study, *one) for one in zip(asked, pairs, verdicts(asked, pairs), strict=True)]


def verdicts(asked: Sequence[Prediction], pairs: Sequence[Sequence[float]]) -> list[Verdict]:
    """The verdict on each prediction, given its difference in each seed.

    The difference is within the margin, if two one-sided sign-flip tests say so: then a prediction of equality holds,
    and one of a direction is ``negligible``. Else, if the sign-flip test rejects 0: ``holds`` or ``reversed`` by the
    sign, and ``different`` if equality was predicted. Else ``inconclusive``. Both tests are corrected over all
    predictions by Holm.
    """
    alike = holm([equivalence_p(some, one.margin) if some else None for one, some in zip(asked, pairs, strict=True)])
    apart = holm([sign_flip_p(some) if some else None for some in pairs])
    return [
        _verdict(one, some, len(asked), equal, unequal)
        for one, some, equal, unequal in zip(asked, pairs, alike, apart, strict=True)
    ]


def _verdict(
    one: Prediction, pairs: Sequence[float], family: int, equal: float | None, unequal: float | None
) -> Verdict:
    if equal is None or unequal is None:
        return Verdict("not comparable", "no run finished with a value")
    word: Word
    if equal <= LEVEL:
        word = "holds" if one.expect == "equal" else "negligible"
        return Verdict(word, "the difference lies within the margin", p=equal)
    if unequal <= LEVEL:
        word = "different" if one.expect == "equal" else "holds" if sum(pairs) * SIGN[one.expect] > 0 else "reversed"
        return Verdict(word, "the difference is not 0", p=unequal)
    needed = seeds_needed(family)
    if len(pairs) < needed:
        return Verdict("inconclusive", f"a family of {family} needs {needed} seeds", runs=needed, p=unequal)
    return Verdict("inconclusive", "neither within the margin nor surely other than 0", p=unequal)


def _pairs(study: Study, measured: Measured, one: Prediction) -> list[float]:
    """The difference in each seed; none unless every run has a value, as the others would be a selection."""
    ours = _by_seed(measured, one.arm, one.metric)
    if ours is None:
        return []
    if one.than is not None:
        return [value - one.than for value in ours.values()]
    theirs = _by_seed(measured, study.file.against, one.metric)
    return [] if theirs is None else [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def _by_seed(measured: Measured, arm: str, metric: str) -> dict[int, float] | None:
    values = measured.values(arm, metric)
    if not values or len(values) < measured.asked(arm, metric):
        return None
    return {seed: value for (_, seed), value in values.items()}


def _line(study: Study, one: Prediction, pairs: Sequence[float], verdict: Verdict) -> Line:
    own = difference_summary(pairs) if pairs else None
    return {
        "arm": one.arm, "metric": study.metrics[one.metric], "name": one.metric, "expect": one.expect,
        "than": study.file.against if one.than is None else one.than, "margin": one.margin, "n": len(pairs),
        "mean": own and own.mean, "sd": own and own.sd, "low": own and own.low, "high": own and own.high,
        "verdict": verdict.word, "reason": verdict.reason, "p": verdict.p, "runs_needed": verdict.runs,
    }  # fmt: skip


def shown_predictions(lines: Sequence[Line]) -> list[dict[str, str]]:
    """The lines as the terminal and the page have them."""
    return [
        dict(zip(COLUMNS, (one["arm"], one["metric"], _expected(one), outcome(one), verdict_text(one)), strict=True))
        for one in lines
    ]


def _expected(line: Line) -> str:
    return expectation(line["expect"], line["than"], line["margin"])


def outcome(line: Line) -> str:
    """The mean difference with its interval and n."""
    if line["mean"] is None:
        return "not measured"
    ends = "" if line["low"] is None else f" [{_number(line['low'])}, {_number(line['high'])}]"
    return f"{_number(line['mean'])}{ends} ({line['n']})"


def verdict_text(line: Line) -> str:
    """The verdict with its p, or with the seeds that it needs."""
    if line["runs_needed"]:
        return f"{line['verdict']}: needs {line['runs_needed']} seeds"
    return line["verdict"] + ("" if line["p"] is None else f", p = {line['p']:.2g}")


def _number(value: float) -> str:
    return f"{value:+.4f}" if abs(value) < 1 else f"{value:+.3f}"
