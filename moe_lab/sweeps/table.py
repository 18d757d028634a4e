"""What has become of a sweep's jobs, as rows: one a job, and one an arm: all jobs that differ in seeds alone."""

import json
from collections import Counter
from collections.abc import Sequence
from statistics import mean, stdev
from typing import Any

from moe_lab.sweeps.folder import Outcome

Row = dict[str, Any]
_SEEDS = ("seed", "seed_init", "seed_order")


def job_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Name, state, choices that differ from the defaults, headline metrics, and why a job failed."""
    choices = list(dict.fromkeys(key for one in outcomes for key in one.choices))
    metrics = _metrics(outcomes)
    return [
        {
            "job": one.name,
            "status": one.state,
            **{key: one.choices.get(key) for key in choices},
            **{name: one.headline.get(name) for name in metrics},
            "error": one.reason,
        }
        for one in outcomes
    ]


def arm_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """The choices in which arms differ (``arm``), how many of their jobs have finished (``n``) and what became of the
    others (``not finished``), and of every headline metric the mean over those and its standard deviation (``NAME sd``;
    of one job there is none)."""
    arms: dict[str, list[Outcome]] = {}
    for one in outcomes:
        told = {key: value for key, value in one.choices.items() if key not in _SEEDS}
        arms.setdefault(json.dumps(told, sort_keys=True), []).append(one)
    keys = list(dict.fromkeys(key for members in arms.values() for key in members[0].choices if key not in _SEEDS))
    varied = [key for key in keys if len({json.dumps(members[0].choices.get(key)) for members in arms.values()}) > 1]
    return [_arm(members, varied, _metrics(outcomes)) for members in arms.values()]


def _arm(members: Sequence[Outcome], varied: Sequence[str], metrics: Sequence[str]) -> Row:
    choices = members[0].choices
    left = Counter(one.state for one in members if one.state != "finished")
    row: Row = {
        "arm": {key: choices[key] for key in varied if key in choices} or "defaults",
        "n": sum(one.state == "finished" for one in members),
        "not finished": ", ".join(f"{count} {state}" for state, count in left.items()),
    }
    for name in metrics:
        values = [float(value) for one in members if (value := one.headline.get(name)) is not None]
        row[name] = mean(values) if values else None
        row[f"{name} sd"] = stdev(values) if len(values) > 1 else None
    return row


def _metrics(outcomes: Sequence[Outcome]) -> list[str]:
    """The headline metrics that are numbers."""
    return list(
        dict.fromkeys(
            name for one in outcomes for name, value in one.headline.items() if isinstance(value, int | float)
        )
    )
