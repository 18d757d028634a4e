"""What was published beside what has been measured, with a verdict for every number."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from moe_lab.reports.kit.page import markdown, table
from moe_lab.statistics import Published, Verdict, best_of, effect_verdict, level_verdict, summary
from moe_lab.statistics.replication import MARGINS
from moe_lab.store.run import Run, Unreadable
from moe_lab.sweeps.studies.file import Row
from moe_lab.sweeps.studies.study import Study, Trial

COLUMNS = ("arm", "metric", "published", "measured", "verdict")

Line = dict[str, Any]


class Measured:
    """The finished runs of a study's arms, by arm, setting and seed; ``left_out`` says which cannot be read."""

    def __init__(self, trials: Sequence[Trial], runs: Mapping[str, Run]) -> None:
        self._runs: dict[str, dict[tuple[tuple[str, ...], int], Run]] = {}
        self.planned: dict[str, int] = {}
        self.left_out: list[str] = []
        for trial in trials:
            of_arm = self._runs.setdefault(trial.arm, {})
            self.planned[trial.arm] = self.planned.get(trial.arm, 0) + 1
            run = runs.get(trial.job.name)
            if run is not None and self._whole(run):
                of_arm[trial.setting, trial.seed] = run

    def _whole(self, run: Run) -> bool:
        """Whether it has finished, and what is read of it can be."""
        try:
            return run.finished and run.metrics is not None and run.history is not None
        except Unreadable as error:
            self.left_out.append(str(error))
            return False

    def settings(self, arm: str) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(setting for setting, _ in self._runs.get(arm, {})))

    def values(self, arm: str, metric: str) -> dict[tuple[tuple[str, ...], int], float]:
        """By setting and seed, where the run has a value."""
        found = {key: run.metrics.get(metric, {}).get("value") for key, run in self._runs.get(arm, {}).items()}
        return {key: value for key, value in found.items() if value is not None}

    def rows(self, lines: Sequence[Line]) -> list[Line]:
        """Every value that the lines sum up: a row a run and metric."""
        return [
            {"arm": line["arm"], "setting": " ".join(setting), "seed": seed, "name": line["name"], "value": value}
            for line in lines
            for (setting, seed), value in self.values(line["arm"], line["name"]).items()
        ]

    def selections(self, arm: str, by: str) -> dict[tuple[tuple[str, ...], int], float]:
        """Training or validation error of the last epoch, by which what was printed was chosen."""
        found = {key: run.history[-1].get(by) for key, run in self._runs.get(arm, {}).items()}
        return {key: value for key, value in found.items() if value is not None}


def levels(study: Study, measured: Measured) -> list[Line]:
    """A line an arm and metric: mean, sd and n of ours, what was published, and the verdict."""
    rows, lines = study.rows, []
    for arm in study.arms:
        for metric, label in study.file.metrics.items():
            values = measured.values(arm, metric)
            row = rows.get(arm, Row())
            if not values and metric not in {**row.best, **row.mean}:
                continue
            own = summary(list(values.values())) if values else None
            verdict = _level(study, measured, arm, metric, row)
            lines.append(
                {"arm": arm, "metric": label, "name": metric, "settings": len(measured.settings(arm))}
                | {"n": len(values), "planned": measured.planned.get(arm, 0)}
                | {"mean": own and own.mean, "sd": own and own.sd, "low": own and own.low, "high": own and own.high}
                | _published(row, metric)
                | _verdict(verdict)
            )
    return lines


def effects(study: Study, measured: Measured) -> list[Line]:
    """A line an arm and metric: the paired difference to the arm that all are set against, theirs, and the verdict."""
    base, rows, lines = study.file.against, study.rows, []
    for arm in study.arms:
        if arm == base or len(measured.settings(arm)) != 1 or len(measured.settings(base)) != 1:
            continue
        for metric, label in study.file.metrics.items():
            ours = _by_seed(measured.values(arm, metric))
            theirs = _by_seed(measured.values(base, metric))
            pairs = [ours[seed] - theirs[seed] for seed in ours if seed in theirs]
            if len(pairs) < 2:
                continue
            of_arm, of_base = (_mean(rows.get(one, Row()), metric) for one in (arm, base))
            lines.append(_effect(study, arm, metric, label, pairs, of_arm, of_base))
    return lines


def as_markdown(
    study: Study,
    lines: Sequence[Line],
    differences: Sequence[Line],
    command: str,
    left_out: Sequence[str] = (),
    pictured: bool = True,
) -> str:
    """The study's page: what was asked, which runs could not be read, both tables, and how to read them."""
    heading = [f"# {markdown(study.file.title)}", "", f"{markdown(study.file.source)}", "", "```", command, "```", ""]
    words = ", ".join(f"{key}={value}" for key, value in study.choices.items())
    facts = [
        f"{words}; protocol={study.protocol}" + (f", grid={study.grid}" if study.protocol == "paper" else "") + "."
    ]
    facts += [*study.notes, *_caveats(study), *(f"Left out, because it cannot be read: {one}." for one in left_out)]
    parts = [*heading, *(markdown(fact) for fact in facts), "", "## Published and measured", "", *_section(lines)]
    if pictured:
        parts += ["![Every run beside what was published](study.svg)", "", FIGURE, ""]
    if differences:
        parts += [f"## Differences to {markdown(study.file.against)}, on the same seeds", "", *_section(differences)]
    return "\n".join([*parts, "## How to read it", "", *READING, ""])


def _section(lines: Sequence[Line]) -> list[str]:
    notes = [f"- {markdown(remark)}" for remark in remarks(lines)]
    return [table(COLUMNS, shown(lines), "lllll"), "", *(notes + [""] if notes else [])]


FIGURE = (
    "Points: our runs; bar: their mean and its 95 % interval, orange where it does not reproduce what was published.\n"
    "Grey: published, mean ± sd; open diamond: the printed best. An arrow: runs beyond the axis."
)

READING = (
    "mean ± sd (n), n runs; [low, high] is the 95 % interval of the mean of the paired differences (Student t).",
    "A verdict is a rule set beforehand: reproduced, where the Welch 95 % interval of ours minus theirs contains 0 or",
    "lies within the margin (error .005, information .25 bit, H_u .1 bit); direction only, where the sign agrees and",
    "our own interval excludes 0; not reproduced, else; not comparable, with the reason. A printed best of n runs is",
    "compared with the best of n of ours under the same selection, the lowest training error (of 2023's numbers the",
    "lowest validation error).",
)


def shown(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """Lines as the terminal and the page have them; an arm is named where its lines begin."""
    arms = [line["arm"] for line in lines]
    return [
        (arm if arm != before else "", line["metric"], _theirs(line), _ours(line), line["verdict"])
        for arm, before, line in zip(arms, [None, *arms], lines, strict=False)
    ]


def remarks(lines: Sequence[Line]) -> list[str]:
    """Why numbers cannot be compared, or what they are of, each reason once with the arms that it holds for."""
    arms: dict[str, dict[str, None]] = {}
    for line in lines:
        if line["verdict"] == "not comparable":
            arms.setdefault(f"not comparable: {line['reason']}", {})[line["arm"]] = None
        elif "; " in line["reason"]:
            arms.setdefault(line["reason"].partition("; ")[2], {})[line["arm"]] = None
    every = {line["arm"] for line in lines}
    return [f"{reason} ({'every arm' if set(of) == every else ', '.join(of)})" for reason, of in arms.items()]


def _level(study: Study, measured: Measured, arm: str, metric: str, row: Row) -> Verdict:
    if reason := _other_study(study):
        return Verdict("not comparable", None, None, None, reason)
    values, mean = measured.values(arm, metric), _mean(row, metric)
    if metric in row.mean and (mean.sd is not None or metric not in row.best):
        verdict = level_verdict(list(values.values()), mean, MARGINS.get(metric, 0.0))
        over = f"; theirs is over {row.over}" if row.over and study.grid == "published" else ""
        return Verdict(verdict.word, verdict.difference, verdict.low, verdict.high, verdict.reason + over)
    if metric in row.best and values:
        if row.of is None:
            return Verdict("not comparable", None, None, None, "it was not printed of how many runs theirs is the best")
        selections = measured.selections(arm, row.by)
        keys = [key for key in values if key in selections]
        return best_of([selections[key] for key in keys], [values[key] for key in keys], row.best[metric], row.of)
    return Verdict("not comparable", None, None, None, "nothing was published" if values else "no run finished")


def _effect(
    study: Study, arm: str, metric: str, label: str, pairs: list[float], of_arm: Published, of_base: Published
) -> Line:
    own = summary(pairs)
    unknown = math.isnan(of_arm.mean) or math.isnan(of_base.mean)
    reason = _other_study(study) or ("no mean over runs was published" if unknown else None)
    verdict = (
        Verdict("not comparable", None, None, None, reason)
        if reason
        else effect_verdict(pairs, of_arm, of_base, MARGINS.get(metric, 0.0))
    )
    known = None if unknown else of_arm.mean - of_base.mean
    return (
        {"arm": arm, "metric": label, "name": metric, "n": own.n, "mean": own.mean, "sd": own.sd}
        | {"low": own.low, "high": own.high, "published_difference": known}
        | _verdict(verdict)
    )


def _other_study(study: Study) -> str | None:
    """Why nothing of it can be held against what was published; None where it can."""
    if study.extra:
        return f"not as published: {' '.join(study.extra)}"
    return "another protocol than the published one" if study.fair else None


def _caveats(study: Study) -> list[str]:
    if study.fair:
        return ["Every arm had as many settings, chosen by validation error on seeds that are not reported."]
    return ["One printed setting an arm: no selection."] if study.grid == "published" and study.has_settings else []


def _mean(row: Row, metric: str) -> Published:
    if metric not in row.mean:
        return Published(float("nan"))
    mean, sd = row.mean[metric]
    return Published(mean, sd, row.n)


def _by_seed(values: Mapping[tuple[tuple[str, ...], int], float]) -> dict[int, float]:
    return {seed: value for (_, seed), value in values.items()}


def _published(row: Row, metric: str) -> Line:
    mean, sd = row.mean.get(metric, (None, None))
    known = {"published_mean": mean, "published_sd": sd, "published_n": row.n if metric in row.mean else None}
    return known | {"published_best": row.best.get(metric), "published_of": row.of if metric in row.best else None}


def _verdict(verdict: Verdict) -> Line:
    ends = {"difference": verdict.difference, "difference_low": verdict.low, "difference_high": verdict.high}
    return {"verdict": verdict.word, "reason": verdict.reason} | ends


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
    if line["mean"] is None:
        return "no run finished"
    if "published_difference" in line:
        low, high = (_number(line[end], line, signed=True) for end in ("low", "high"))
        return f"{_number(line['mean'], line, signed=True)} [{low}, {high}] ({line['n']})"
    spread = "" if line["sd"] is None else f" ± {_number(line['sd'], line)}"
    count = f"{line['n']}" if line["n"] == line["planned"] else f"{line['n']} of {line['planned']}"
    return f"{_number(line['mean'], line)}{spread} ({count})"


def _number(value: float, line: Line, *, signed: bool = False) -> str:
    digits = 4 if line["name"].endswith("_rate") else 3
    return f"{value:{'+' if signed else ''}.{digits}f}"
