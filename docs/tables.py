"""What the generated tables of pages are made of: columns, kept values, Markdown."""

import csv
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.statistics import difference_summary, sign_flip_p, summary
from moe_lab.statistics.intervals import UNBOUNDED, Bounds
from moe_lab.sweeps.studies.study import Study, open_study

DOCS = Path(__file__).parent
Line = Mapping[str, Any]
#: (arm, metric) -> seed -> value
Values = Mapping[tuple[str, str], Mapping[int, float]]


@dataclass(frozen=True)
class Column:
    """A metric in a table: its heading, what its numbers are multiplied by, how many digits they have, and the bounds
    of the metric."""

    heading: str
    factor: float = 1.0
    digits: int = 2
    bounds: Bounds = UNBOUNDED

    def level(self, line: Line | None) -> str:
        """Mean and sd over the seeds; of how many, where it is not defined for all; nothing without a value."""
        if line is None or line["mean"] is None:
            return ""
        few = f" ({line['n']} of {line['asked']} defined)" if line["n"] < line["asked"] else ""
        return f"{self.number(line['mean'])} ± {self.number(line['sd'])}{few}"

    def difference(self, line: Line | None) -> str:
        """Mean and 95 % interval of the paired differences, with the verdict; nothing of the arm that others are set
        against."""
        if line is None:
            return ""
        return f"{self._shift(line['mean'], line['low'], line['high'])}, {line['verdict']}, p = {line['p']:.2g}"

    def mean_and_sd(self, values: Mapping[int, float], asked: int = 0) -> str:
        """Of the values of seeds; of one seed its value. ``asked``: how many seeds there are."""
        if len(values) < 2:
            return "".join(map(self.number, values.values()))
        found = summary(list(values.values()))
        return self.level({"mean": found.mean, "sd": found.sd, "n": found.n, "asked": asked})

    def mean_and_interval(self, values: Mapping[int, float], star: str = "") -> str:
        """Of the values of seeds, with a mark behind the mean."""
        found = summary(list(values.values()), self.bounds)
        low, high = found.ends or (found.mean, found.mean)
        return f"{self.number(found.mean)}{star} ({self.number(low)} to {self.number(high)})"

    def paired(self, ours: Mapping[int, float], theirs: Mapping[int, float], asked: int = 0) -> str:
        """Mean difference on the same seeds, its 95 % interval, and p of the sign-flip test, uncorrected; with how many
        pairs are defined, if not all of ``asked``."""
        pairs = [value - theirs[seed] for seed, value in ours.items() if seed in theirs]
        if not pairs:
            return ""
        found = difference_summary(pairs)
        low, high = found.ends or (found.mean, found.mean)
        few = f" ({len(pairs)} of {asked} pairs)" if len(pairs) < asked else ""
        return f"{self._shift(found.mean, low, high)}, p = {sign_flip_p(pairs):.3f}{few}"

    def number(self, value: float) -> str:
        return f"{self.factor * value:.{self.digits}f}"

    def _shift(self, *ends: float) -> str:
        mean, low, high = (f"{self.factor * end:+.{self.digits}f}" for end in ends)
        return f"{mean} ({low} to {high})"


def percent(heading: str) -> Column:
    return Column(f"{heading}, %", 100.0, 1, (0, 1))


def kept_study(facts: Mapping[str, Any]) -> Study:
    """The study that a kept study.json is of, by its command; how it was run does not matter."""
    words = [word for word in shlex.split(facts["command"])[3:] if not word.startswith("launcher")]
    return open_study(facts["study"], words)


def kept_values(path: Path) -> Values:
    """The values of a kept CSV: a row each with ``name`` and ``value``, or a row a run with a column a metric. Cells
    without a value are left out."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            arm, seed = row.pop("arm"), int(row.pop("seed"))
            cells = {row["name"]: row["value"]} if "name" in row else row
            for name, value in cells.items():
                if value:
                    found.setdefault((arm, name), {})[seed] = float(value)
    return found


def seeds_of(values: Values, arm: str) -> int:
    """How many seeds an arm has."""
    return len({seed for (of, _), by_seed in values.items() if of == arm for seed in by_seed})


def arms_of(values: Values) -> list[str]:
    return list(dict.fromkeys(arm for arm, _ in values))


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table, whose first row is the heading."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]])
