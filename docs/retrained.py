"""How far today's code is from the numbers that are kept.

``python -m docs.retrained FOLDER...`` trains the first seed of each arm of kept studies once more, arms with a teacher
left out, in the settings that they had, and writes what came out beside what is kept: docs/studies/retrained.csv.
"""

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from docs.tables import DOCS, kept_study, kept_values, markdown
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import JOBS
from moe_lab.sweeps.launchers.processes import Processes
from moe_lab.sweeps.run import run_sweep
from moe_lab.sweeps.studies.measured import value_of
from moe_lab.sweeps.studies.study import Trial, plan_of, reported

STUDIES, RUNS, FILE = DOCS / "studies", Path("runs/retrained"), "retrained.csv"
COLUMNS = ["study", "arm", "seed", "name", "kept", "again"]
ERROR = "test_error_rate"


def trials_of(folder: str) -> list[Trial]:
    """The first run of each arm of a kept study, in the setting that it had."""
    facts = json.loads((STUDIES / folder / "study.json").read_text())
    study = kept_study(facts)
    settings = {arm: [tuple(text.split()) for text in one["settings"]] for arm, one in facts["arms"].items()}
    # arms that have been added since
    added = {arm: [()] for arm in study.arms if arm not in settings}
    return [one for one in reported(replace(study, seeds=1), settings | added) if one.arm in settings]


def rows_of(folder: str, runs: Path) -> Iterator[list[object]]:
    """What is kept of each of these runs, and what it has now, after training those that are not in ``runs`` yet."""
    trials, there = trials_of(folder), runs / folder
    there.mkdir(parents=True, exist_ok=True)
    run_sweep(plan_of(trials, []), there, Processes())
    kept = kept_values(STUDIES / folder / "study-runs.csv")
    for trial in trials:
        metrics = Run(there / JOBS / trial.job.name).metrics
        for (arm, name), of_seeds in kept.items():
            if arm == trial.arm and trial.seed in of_seeds:
                yield [folder, arm, trial.seed, name, of_seeds[trial.seed], value_of(metrics, name)[1]]


@dataclass(frozen=True)
class Retrained:
    """The table of a page: a row a study."""

    page: str
    folder: str = FILE
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        errors: dict[str, list[float]] = {}
        with (STUDIES / FILE).open(newline="") as file:
            for row in csv.DictReader(file):
                if row["name"] == ERROR:
                    errors.setdefault(row["study"], []).append(abs(float(row["again"]) - float(row["kept"])))
        rows = [["study", "arms", "with the same test error", "largest difference of the test error"]]
        rows += [
            [study, str(len(of)), str(sum(one == 0 for one in of)), f"{max(of):.4f}"] for study, of in errors.items()
        ]
        return markdown(rows)


def write(folders: Sequence[str], runs: Path = RUNS) -> None:
    """Train and write, one study after the other; the rows of other studies stay."""
    path = STUDIES / FILE
    for folder in folders:
        rows = list(rows_of(folder, runs))
        if path.exists():
            with path.open(newline="") as file:
                rows = [*(list(row.values()) for row in csv.DictReader(file) if row["study"] != folder), *rows]
        with path.open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    write(sys.argv[1:])
