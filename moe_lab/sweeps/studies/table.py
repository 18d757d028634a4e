"""What was published beside what has been measured, with a verdict for every number, line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from moe_lab.reports.kit.level import level
from moe_lab.statistics import Verdict, difference_summary
from moe_lab.sweeps.studies.family import own_verdicts
from moe_lab.sweeps.studies.file import Row
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.study import Study
from moe_lab.sweeps.studies.verdicts import (
    asks_direction,
    effect_of,
    level_of,
    published_difference,
)

COLUMNS = ("arm", "metric", "published", "measured", "verdict")
#: those that are left out where nothing stands in them
OPTIONAL = {"published", "verdict"}

Line = dict[str, Any]


@dataclass(frozen=True)
class Tables:
    """The lines of a study: its levels, the differences of its arms, and what it predicted."""

    levels: Sequence[Line]
    differences: Sequence[Line] = ()
    predictions: Sequence[Line] = ()


def levels(study: Study, measured: Measured) -> list[Line]:
    """A line an arm and metric: mean, sd and n of ours, what was published, and the verdict."""
    rows, lines = study.rows, []
    for arm in study.arms:
        for metric, label in study.metrics.items():
            values = measured.values(arm, metric)
            row = rows.get(arm, Row())
            if not values and metric not in {**row.best, **row.mean}:
                continue
            own = level(metric, list(values.values()), measured.sizes(arm)) if values else None
            over = f"theirs is over {row.over}" if row.over and metric in row.mean and study.grid == "published" else ""
            settings = measured.settings(arm)
            lines.append(
                {"arm": arm, "metric": label, "name": metric, "settings": len(settings)}
                | {"setting": " ".join(settings[0]) if len(settings) == 1 else None}
                | {"n": len(values), "asked": measured.asked(arm, metric), "planned": measured.planned.get(arm, 0)}
                | {"mean": own and own.mean, "sd": own and own.sd, "low": own and own.low, "high": own and own.high}
                | {"interval": own and own.method}
                | _published(row, metric)
                | _verdict(level_of(study, measured, arm, metric))
                | {"note": over}
            )
    return lines


def effects(study: Study, measured: Measured) -> list[Line]:
    """A line an arm and metric: the paired difference to the arm that all are set against, theirs, and the verdict.

    A metric that is undefined for some seeds of either arm is not compared: the others are a selection of survivors.
    """
    compared = [
        (arm, metric, pairs)
        for arm in study.arms
        if arm != study.file.against and len(measured.settings(arm)) == 1 == len(measured.settings(study.file.against))
        for metric in study.metrics
        for pairs in [_pairs(measured, arm, study.file.against, metric)]
        if len(pairs) > 1
    ]
    directions = sum(asks_direction(study, arm, metric) for arm, metric, _ in compared)
    own = own_verdicts(study, {(arm, metric): pairs for arm, metric, pairs in compared})
    return [_effect(study, measured, *one, own.get(one[:2]) or effect_of(study, *one, directions)) for one in compared]


def _pairs(measured: Measured, arm: str, base: str, metric: str) -> list[float]:
    ours, theirs = _by_seed(measured.values(arm, metric)), _by_seed(measured.values(base, metric))
    return [ours[seed] - theirs[seed] for seed in ours if seed in theirs]


def shown(lines: Sequence[Line]) -> list[dict[str, str]]:
    """Lines as the terminal and the page have them; an arm is named where its lines begin, and what was published and
    verdicts have a column where there are any."""
    if not lines:
        return []
    arms = [line["arm"] for line in lines]
    rows = [
        (arm if arm != before else "", line["metric"], _theirs(line), _ours(line), _word(line))
        for arm, before, line in zip(arms, [None, *arms], lines, strict=False)
    ]
    kept = [any(cells) or name not in OPTIONAL for name, cells in zip(COLUMNS, zip(*rows, strict=True), strict=True)]
    return [{name: cell for name, cell, keep in zip(COLUMNS, row, kept, strict=True) if keep} for row in rows]


def remarks(lines: Sequence[Line]) -> list[str]:
    """Why numbers cannot be compared, or what they are of, each reason once with the arms that it holds for."""
    arms: dict[str, dict[str, None]] = {}
    for line in lines:
        if line["verdict"] == "not comparable" or (line["verdict"] == "inconclusive" and line["runs_needed"] is None):
            arms.setdefault(f"{line['verdict']}: {line['reason']}", {})[line["arm"]] = None
        if line.get("note"):
            arms.setdefault(line["note"], {})[line["arm"]] = None
    every = {line["arm"] for line in lines}
    return [f"{reason} ({'every arm' if set(of) == every else ', '.join(of)})" for reason, of in arms.items()]


def _effect(study: Study, measured: Measured, arm: str, metric: str, pairs: Sequence[float], asked: Verdict) -> Line:
    survivors = [
        f"{len(measured.values(one, metric))} of {measured.asked(one, metric)} defined ({one})"
        for one in (arm, study.file.against)
        if len(measured.values(one, metric)) < measured.asked(one, metric)
    ]
    own = None if survivors else difference_summary(pairs)
    verdict = Verdict("not comparable", ", ".join(survivors)) if survivors else asked
    return (
        {"arm": arm, "metric": study.metrics[metric], "name": metric, "n": len(pairs)}
        | {"mean": own and own.mean, "sd": own and own.sd, "low": own and own.low, "high": own and own.high}
        | {"interval": own and own.method, "seeds": list(pairs)}
        | {"published_difference": published_difference(study, arm, metric)}
        | _verdict(verdict)
    )


def _by_seed(values: Mapping[tuple[tuple[str, ...], int], float]) -> dict[int, float]:
    return {seed: value for (_, seed), value in values.items()}


def _published(row: Row, metric: str) -> Line:
    mean, sd = row.mean.get(metric, (None, None))
    known = {"published_mean": mean, "published_sd": sd, "published_n": row.n if metric in row.mean else None}
    return known | {"published_best": row.best.get(metric), "published_of": row.of if metric in row.best else None}


def _verdict(verdict: Verdict) -> Line:
    ends = {"difference": verdict.difference, "difference_low": verdict.low, "difference_high": verdict.high}
    inner = {"difference_low_90": verdict.inner_low, "difference_high_90": verdict.inner_high}
    words = {"verdict": verdict.word, "reason": verdict.reason, "runs_needed": verdict.runs, "p": verdict.p}
    return words | ends | inner


def _theirs(line: Line) -> str:
    if "published_difference" in line:
        return "" if line["published_difference"] is None else _number(line["published_difference"], line, signed=True)
    parts = []
    if line["published_mean"] is not None:
        spread = "" if line["published_sd"] is None else f" ± {_number(line['published_sd'], line)}"
        parts.append(f"{_number(line['published_mean'], line)}{spread} ({line['published_n']})")
    if line["published_best"] is not None:
        of = "" if line["published_of"] is None else f" of {line['published_of']}"
        parts.append(f"best{of}: {_number(line['published_best'], line)}")
    return ", ".join(parts)


def _ours(line: Line) -> str:
    if "published_difference" in line:
        return _our_difference(line)
    if line["mean"] is None:
        return f"0 of {line['asked']} defined" if line["asked"] else "no run finished"
    spread = "" if line["sd"] is None else f" ± {_number(line['sd'], line)}"
    count = f"{line['n']}" if line["n"] == line["planned"] else f"{line['n']} of {line['planned']}"
    if line["n"] < line["asked"]:
        count = f"{line['n']} of {line['asked']} defined"
    return f"{_number(line['mean'], line)}{spread} ({count})"


def _our_difference(line: Line) -> str:
    if line["mean"] is None:
        return line["reason"]
    mean = _number(line["mean"], line, signed=True)
    if line["low"] is None:
        seeds = ", ".join(_number(one, line, signed=True) for one in line["seeds"])
        return f"{mean} ({line['n']}: {seeds}; interval {line['interval']})"
    low, high = (_number(line[end], line, signed=True) for end in ("low", "high"))
    return f"{mean} [{low}, {high}] ({line['n']})"


def _word(line: Line) -> str:
    if line["verdict"] == "not asked":
        return ""
    p = "" if line["p"] is None else f", p = {line['p']:.2g}"
    return f"{line['verdict']}{p}" + (f": {line['runs_needed']} runs would do" if line["runs_needed"] else "")


def _number(value: float, line: Line, *, signed: bool = False) -> str:
    digits = 4 if line["name"].endswith("_rate") else 3
    return f"{value:{'+' if signed else ''}.{digits}f}"
