"""Which verdicts on predictions changed when the claims were trained a second time, with the same seeds.

Of the first time claims/earlier.csv keeps each prediction's difference and verdict. The code of the two times takes
some sums in another order, so that last bits differ, which thousands of steps enlarge.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from docs.tables import DOCS, markdown
from moe_lab.sweeps.studies.predictions import Line, outcome, shown_predictions, verdict_text

NUMBERS = ("mean", "low", "high", "p")


@dataclass(frozen=True)
class ClaimsTwice:
    """The table of a page on claims: a row for each prediction that has another verdict than the first time."""

    page: str
    folder: str
    kind: ClassVar[str] = "twice"

    def text(self) -> str:
        rows = [["claim and data", "predicted", "the first time", "the second time"]]
        for study, first, second in both_times(self.folder):
            if first["verdict"] != second["verdict"]:
                [cells] = shown_predictions([second])
                what = f"{cells['arm']}: {cells['metric']} {cells['predicted']}"
                rows.append([study, what, *(f"{outcome(one)}: {verdict_text(one)}" for one in (first, second))])
        return markdown(rows)


def both_times(folder: str) -> Iterator[tuple[str, Line, Line]]:
    """Each prediction of the studies in a folder below docs/studies: the name of its study, what came out the first
    time, and what the second time. Raises ValueError unless both times have the same predictions in the same order."""
    earlier: dict[str, list[Line]] = {}
    with (DOCS / "studies" / folder / "earlier.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: float(row[name]) for name in NUMBERS}
            earlier.setdefault(row["study"], []).append(row | numbers | {"n": int(row["n"]), "runs_needed": None})
    for study, lines in earlier.items():
        now = json.loads((DOCS / "studies" / folder / study / "study.json").read_text())["predictions"]
        if [(one["arm"], one["name"]) for one in lines] != [(one["arm"], one["name"]) for one in now]:
            raise ValueError(f"{study}: other predictions than the first time")
        yield from ((study, first, second) for first, second in zip(lines, now, strict=True))
