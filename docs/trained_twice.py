"""What the choice of a setting is worth: fair studies that were trained twice, tuning included, with the same seeds.

Of the first time earlier.csv keeps the test errors and the settings that were chosen. The code of the two times takes
some sums in another order, so that last bits differ, which thousands of steps enlarge.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from docs.tables import DOCS, kept_study, kept_values, markdown
from moe_lab.sweeps.studies.family import own_verdicts

STUDIES, FIRST, SECOND = DOCS / "studies", "earlier.csv", "study-runs.csv"
ERROR = "test_error_rate"
#: the studies that were trained twice whole
TWICE = (
    "one-active-expert/digits",
    "one-active-expert/mnist",
    "routers/one",
    "routers/two",
    "routers/any",
    "collapse",
    "continual",
)


@dataclass(frozen=True)
class Time:
    """One of the two times: of each arm its setting and the errors of its seeds."""

    settings: Mapping[str, str]
    errors: Mapping[str, Mapping[int, float]]

    def mean(self, arm: str) -> float:
        return sum(self.errors[arm].values()) / len(self.errors[arm])


def times(folder: str) -> tuple[Time, Time]:
    """The first and the second time of a study below docs/studies."""
    first, second = (_time(STUDIES / folder / name) for name in (FIRST, SECOND))
    return first, second


def verdicts(folder: str, time: Time) -> dict[str, str]:
    """arm -> the verdict of its error against the arm that the study sets all against, by today's margins."""
    study = kept_study(json.loads((STUDIES / folder / "study.json").read_text()))
    base = time.errors[study.file.against]
    pairs = {
        (arm, ERROR): [error - base[seed] for seed, error in of.items()]
        for arm, of in time.errors.items()
        if arm != study.file.against
    }
    return {arm: verdict.word for (arm, _), verdict in own_verdicts(study, pairs).items()}


@dataclass(frozen=True)
class TrainedTwice:
    """The table of a page: a row a study."""

    page: str
    folder: str = FIRST
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        rows = [["study", "arms", "other setting", "largest change of a mean error, points", "other verdict"]]
        return markdown([*rows, *map(_row, TWICE)])


def _row(folder: str) -> list[str]:
    first, second = times(folder)
    arms = [arm for arm in first.errors if arm in second.errors]
    other = [arm for arm in arms if first.settings[arm] != second.settings[arm]]
    largest = max(arms, key=lambda arm: abs(second.mean(arm) - first.mean(arm)))
    before, after = verdicts(folder, first), verdicts(folder, second)
    changed = [f"{arm}: {word}, then {after[arm]}" for arm, word in before.items() if after[arm] != word]
    change = f"{100 * (second.mean(largest) - first.mean(largest)):+.1f} ({largest})"
    return [folder, str(len(arms)), str(len(other)), change, "; ".join(changed)]


def _time(path: Path) -> Time:
    with path.open(newline="") as file:
        settings = {row["arm"]: row.get("setting", "") for row in csv.DictReader(file)}
    errors = {arm: of for (arm, name), of in kept_values(path).items() if name == ERROR}
    return Time(settings, errors)
