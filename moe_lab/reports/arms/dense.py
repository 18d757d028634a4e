"""Comparison with a dense network of as many parameters (``baseline=dense_total``), or the command that trains one."""

import shlex
from collections.abc import Mapping, Sequence

from moe_lab.reports.arms.collect import Arm, Member
from moe_lab.reports.arms.measured import ERROR, Measured
from moe_lab.reports.arms.words import called, ends, lowered, shown, with_unit

DENSE = "dense_total"
#: options of experts that the baseline can widen
WIDTHS = ("hidden", "filters")
#: choices that do not affect the size; some of them refuse a single expert
ABOUT_EXPERTS = (
    "baseline", "regularizer", "regularizers", "controller", "controllers", "recipe", "inference", "parallel"
)  # fmt: skip


def beside_dense(measured: Measured) -> list[str]:
    """At most one sentence: error (in regression the loss) of a dense network and of the best mixture of its size.

    If no arm is a dense network, those that were trained beside the runs of the best mixture; if not all of these have
    one, the command that trains it. Nothing if there is no mixture, or its experts have no width.
    """
    having = [arm for arm in measured.comparable if arm.values(measured.quality)]
    mixtures = [arm for arm in having if "baseline" not in arm.settings]
    dense = [arm for arm in having if arm.settings.get("baseline") == DENSE]
    if dense or not mixtures:
        pairs = [(one, arm) for one in dense for arm in mixtures if _size(measured, one) == _size(measured, arm)]
        return [_compared(measured, *min(pairs, key=lambda pair: _mean(measured, pair[1])))] if pairs else []
    best = min(mixtures, key=lambda arm: _mean(measured, arm))
    arm = measured.baseline if measured.baseline in mixtures else mixtures[0]
    return _trained_beside(measured, best) or _how_to_add(measured, arm)


def _trained_beside(measured: Measured, arm: Arm) -> list[str]:
    """Of the dense networks that ``train`` trained beside the runs of an arm, if each run has one."""
    name = measured.quality
    twins = [one.stored.twins.get(DENSE) for one in arm.counted]
    values = [twin.metrics[name]["value"] for twin in twins if twin and twin.finished and name in twin.metrics]
    if len(values) < arm.n:
        return []
    quantity = measured.quantities[name]
    theirs, ours = (with_unit(quantity, shown(quantity, one)) for one in (sum(values) / arm.n, _mean(measured, arm)))
    over = f", mean over {arm.n} seeds" if arm.n > 1 else ""
    return [
        f"A dense network of as many parameters, trained beside {called(arm)}, has {lowered(quantity.label)} {theirs}; "
        f"the mixture has {ours}{over}."
    ]


def _compared(measured: Measured, dense: Arm, mixture: Arm) -> str:
    quantity = measured.quantities[measured.quality]
    value, other = (
        with_unit(quantity, shown(quantity, _mean(measured, arm)))
        + ends(quantity, measured.summaries[quantity.name][arm.key])
        for arm in (dense, mixture)
    )
    return (
        f"A dense network of as many parameters, {called(dense)}, has {lowered(quantity.label)} {value}; the best "
        f"mixture of its size, {called(mixture)}, has {other}."
    )


def _mean(measured: Measured, arm: Arm) -> float:
    return measured.summaries[measured.quality][arm.key].mean


def _size(measured: Measured, arm: Arm) -> dict[str, str]:
    """An arm's settings of data, networks and training.

    They include the objective only in regression: in classification a dense network is trained with the default one.
    """
    left_out = (*ABOUT_EXPERTS, *(["objective"] if measured.quality == ERROR else []))
    return {
        key: value for key, value in arm.settings.items() if key.partition(".")[0].partition("/")[0] not in left_out
    }


def _how_to_add(measured: Measured, arm: Arm) -> list[str]:
    config, words = arm.counted[0].stored.config, _size(measured, arm)
    experts, objective = config.get("experts"), config.get("objective")
    seeds = [one.seed for one in arm.counted]
    apart_seeds = any(len(set(seed)) > 1 for seed in seeds)
    if not isinstance(experts, Mapping) or not any(name in experts for name in WIDTHS) or apart_seeds:
        return []
    if any("_target_" in key for key in words):
        # a part without an option of its own
        return []
    if measured.quality == ERROR and isinstance(objective, Mapping) and "objective" not in arm.settings:
        # the gate may imply an objective that a single expert cannot have
        own = not str(objective.get("_target_")).endswith((".Mixture", ".CrossEntropy"))
        words |= {"objective": "mixture"} if own else {}
    words |= {"baseline": DENSE, "seed": _in_words([seed for *_, seed in seeds])}
    folder = _folder(measured.collection.members)
    command = shlex.join(["moe-lab", "sweep", *(f"{key}={value}" for key, value in words.items()), *folder])
    then = "adds one" if folder else "trains one; report its folder together with these runs"
    return [
        "No dense network of as many parameters is among these runs, so they do not show whether a mixture is better "
        f"than one network. This command {then}: {command}"
    ]


def _in_words(seeds: Sequence[str]) -> str:
    numbers = sorted(int(seed) for seed in seeds)
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"range({numbers[0]},{numbers[-1] + 1})"
    return ",".join(map(str, numbers))


def _folder(members: Sequence[Member]) -> list[str]:
    """Options that add a run to the sweep of these runs; none if they are of no sweep or of several."""
    jobs = {one.run.path.parent for one in members if one.run is not None}
    if len(jobs) != 1 or next(iter(jobs)).name != "jobs":
        return []
    sweep = next(iter(jobs)).parent
    return ["--name", sweep.name, *(["--runs", str(sweep.parent)] if str(sweep.parent) != "runs" else [])]
