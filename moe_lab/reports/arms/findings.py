"""The sentences of the first screen: the best arm, by how much, with which certainty, and what is missing."""

from collections import Counter

from moe_lab.metrics.learned import never_learned, never_learned_numbers
from moe_lab.reports.arms.collect import FINISHED, REFUSED, Arm, Collection, Member
from moe_lab.reports.arms.dense import beside_dense
from moe_lab.reports.arms.measured import BITS, ERROR, Measured
from moe_lab.reports.arms.usage import CALIPER, at_matched_usage
from moe_lab.reports.arms.words import apart, called, changed, ends, ends_in_words, lowered, p_text, shown, with_unit
from moe_lab.reports.kit.level import sizes
from moe_lab.reports.kit.numbers import NBSP
from moe_lab.statistics import Factorial
from moe_lab.statistics.factorial import BLOCK, NOISE

SINGLE = (
    "A difference between single runs is not yet a result: with another seed it may be reversed. Train every arm with "
    "the same several seeds."
)
#: up to this number of arms of one seed are all in the first sentence
LISTED = 4
#: an effect of the analysis of variance is reported if its p is below this
SURE = 0.05
OTHER_DATA = "These runs are on different data sets: error and information cannot be compared between them."
OVER = (
    "Intervals are 95 % intervals of the mean over seeds: for training again on the same test set, not for another "
    "test set."
)


def findings(measured: Measured) -> list[str]:
    """Sentences in order of importance."""
    if not measured.shown:
        return ["No run has finished, so there are no test numbers."]
    if measured.collection.single:
        return [_singles(measured), *_unlearned(measured), SINGLE, *beside_dense(measured), *_other_data(measured)]
    if len(measured.shown) == 1:
        alone = [_alone(measured, measured.shown[0]), *_unlearned(measured)]
        return [*alone, *beside_dense(measured), *_collapses(measured)]
    sentences = [_best(measured, name) for name in measured.primary]
    sentences += [*_due_to(measured), *_reconciled(measured), *_unlearned(measured)]
    sentences += [*_collapses(measured), *_other_data(measured)]
    return [*sentences, *beside_dense(measured)]


def _other_data(measured: Measured) -> list[str]:
    return [OTHER_DATA] if "dataset" in measured.collection.varying else []


def _singles(measured: Measured) -> str:
    """``Test error: attentive 11.9 %, softmax 12.9 %; one seed each, unproven.``"""
    name = measured.quality
    quantity = measured.quantities.get(name)
    known = [arm for arm in measured.ranked if quantity and arm.key in measured.summaries[name]]
    if quantity is None or not known:
        return "The runs have no number that can be compared."
    few = len(known) <= LISTED
    each = [f"{called(arm)}{'' if few else ' with'} {with_unit(quantity, _mean(measured, name, arm))}" for arm in known]
    if few:
        return f"{quantity.label}: {', '.join(each)}; one seed{' each' if len(each) > 1 else ''}, unproven."
    return (
        f"{quantity.label} of {len(each)} arms: lowest {each[0]}, then {each[1]}; highest {each[-1]}; one seed each, "
        "unproven."
    )


def _mean(measured: Measured, name: str, arm: Arm) -> str:
    return shown(measured.quantities[name], measured.summaries[name][arm.key].mean)


def _alone(measured: Measured, arm: Arm) -> str:
    parts = []
    for name in measured.primary:
        quantity, found = measured.quantities[name], measured.summaries[name].get(arm.key)
        if found:
            parts.append(
                f"{lowered(quantity.label)} {with_unit(quantity, shown(quantity, found.mean))}{ends(quantity, found)}"
            )
    text = " and ".join(parts) or "no number that can be compared"
    return f"{arm.n} seeds of one arm: {text}."


def _best(measured: Measured, name: str) -> str:
    """The best arm of a primary metric against the baseline; if it is the baseline, against the next best."""
    quantity = measured.quantities[name]
    sign = 1 if quantity.better == "lower" else -1
    known = [
        arm for arm in measured.comparable if arm.key in measured.summaries[name] and not measured.undefined(arm, name)
    ]
    if len(known) < 2:
        return f"{quantity.label}: fewer than two arms have a value, so none is best."
    ranked = sorted(known, key=lambda arm: sign * measured.summaries[name][arm.key].mean)
    best, base = ranked[0], measured.baseline
    found = measured.summaries[name][best.key]
    value = with_unit(quantity, shown(quantity, found.mean))
    extreme = "Lowest" if sign == 1 else "Highest"
    head = f"{extreme} {lowered(quantity.label)}: {called(best)} with {value}{ends(quantity, found)}"
    if best is base:
        arm, lead = ranked[1], ","
        head += f", the arm that others are compared with; next is {called(arm)}"
        otherwise = "The two are not compared: they share no seed"
    else:
        arm, lead = best, f". Against {called(base)} that is"
        otherwise = f"It is not compared with {called(base)}: {_why_not(measured, name)}"
    comparison = measured.comparisons.get((arm.key, name))
    if comparison is None or comparison.difference is None:
        return f"{head}. {otherwise}.{_at_usage(measured, name, arm)}"
    difference = apart(quantity, comparison, comparison.difference)
    return f"{head}{lead}{difference}.{_at_usage(measured, name, arm)}"


def _why_not(measured: Measured, name: str) -> str:
    """Why an arm with a value in every run has no difference from the reference."""
    asked, defined = measured.asked(measured.baseline, name), len(measured.baseline.values(name))
    if not asked:
        return "that arm cannot have this metric"
    return f"there it is defined in {defined} of {asked} runs" if defined < asked else "they share no seed"


def _at_usage(measured: Measured, name: str, arm: Arm) -> str:
    """For information, the difference from the baseline at matched usage; for other metrics nothing."""
    found = at_matched_usage(arm, measured.baseline)
    if name != BITS or not found.possible:
        return ""
    if found.difference is None:
        return f" No two runs of these arms use their experts equally evenly (H(load) within {CALIPER} bit)."
    quantity = measured.quantities[name]
    pairs = f"{found.pairs} pair{'s' if found.pairs != 1 else ''} of runs within {CALIPER} bit"
    by = with_unit(quantity, changed(quantity, found.difference.mean))
    return f" At matched H(load) ({pairs}) it is {by} ({ends_in_words(quantity, found.difference)})."


def _due_to(measured: Measured) -> list[str]:
    """The shares of variance that choices explain, if at least two choices were crossed."""
    sentences = []
    for name, found in measured.factorials.items():
        if isinstance(found, Factorial) and len(found.factors) > 1:
            rows = sorted((row for row in found.effects if row.name not in (BLOCK, NOISE)), key=lambda row: -row.share)
            clauses = ", ".join(f"{row.name} {100 * row.share:.0f}{NBSP}%" for row in rows[:3])
            rest = {row.name: row.share for row in found.effects}
            label = lowered(measured.quantities[name].label)
            noise = f"the seed and noise {100 * (rest[BLOCK] + rest[NOISE]):.0f}{NBSP}%"
            sentences.append(f"Of the variance of {label}, {clauses}; {noise}.")
    return sentences


def _reconciled(measured: Measured) -> list[str]:
    """A note if the analysis of variance finds an effect although seeds are too few to compare any single arm."""
    few = {one.metric for one in measured.comparisons.values()}
    few -= {one.metric for one in measured.comparisons.values() if not one.too_few}
    clauses = []
    for name, found in measured.factorials.items():
        rows = found.effects if isinstance(found, Factorial) and name in few else ()
        sure = [f"{row.name} ({p_text(row.p)})" for row in rows if row.name != BLOCK and _is_sure(row.p)]
        if sure:
            clauses.append(f"{' and '.join(sure)} in {lowered(measured.quantities[name].label)}")
    if not clauses:
        return []
    return [
        "These choices make a difference beyond chance, although there are too few seeds to show it for a single arm: "
        f"{'; '.join(clauses)}. This is no contradiction: the analysis of variance pools all runs, and assumes that "
        "the seeds' noise is normal and equally large in every arm. The comparison of two arms uses only their own "
        "seeds, and assumes neither."
    ]


def _is_sure(p: float | None) -> bool:
    return p is not None and p < SURE


def _unlearned(measured: Measured) -> list[str]:
    """The arms with runs that have not learned, such as a run of ten classes with an error of 90 %."""
    clauses = []
    for arm in measured.shown:
        count = sum(_has_not_learned(one) for one in arm.counted)
        if count:
            clauses.append(called(arm) if arm.n == 1 else f"{called(arm)} in {count} of {arm.n} seeds")
    return [f"Not learned, no better than guessing: {', '.join(clauses)}."] if clauses else []


def _has_not_learned(run: Member) -> bool:
    error, rmse, classes = run.scalars.get(ERROR), run.scalars.get("test_rmse_sd"), sizes(run.metrics).classes
    if error is not None and classes is not None:
        return never_learned(error, classes)
    return rmse is not None and never_learned_numbers(rmse)


def _collapses(measured: Measured) -> list[str]:
    fallen = {key: one for key, one in measured.collapse.items() if one.count}
    if not fallen:
        return []
    clauses = [
        f"{key} in {one.count} of {one.n} seeds (95 % interval {100 * one.low:.0f} to {100 * one.high:.0f}{NBSP}%)"
        for key, one in fallen.items()
    ]
    return [f"Collapsed to one expert: {', '.join(clauses)}."]


def states(collection: Collection) -> str:
    """``9 of 12 runs finished; 2 failed; 1 not started``; repetitions are not counted."""
    found = Counter(one.state for one in collection.members if one.repeats is None)
    total, finished = sum(found.values()), found.pop(FINISHED, 0)
    rest = [f"{count} {state}" for state, count in sorted(found.items())]
    if collection.refused:
        rest.append(f"{len(collection.refused)} {REFUSED}")
    repeats = sum(one.repeats is not None for one in collection.members)
    if repeats:
        verbs = "repeats the seed of another and is" if repeats == 1 else "repeat the seeds of others and are"
        rest.append(f"{repeats} {verbs} not counted")
    runs = "run" if total == 1 else "runs"
    return "; ".join([f"{finished} of {total} {runs} finished", *rest])
