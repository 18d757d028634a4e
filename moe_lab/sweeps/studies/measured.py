"""What the finished runs of a study have measured, read from their folders or from a kept study-runs.csv."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moe_lab.reports.kit.level import Sizes, sizes
from moe_lab.store.run import Run, Unreadable
from moe_lab.sweeps.studies.study import Trial
from moe_lab.sweeps.studies.verdicts import Place

Line = dict[str, Any]
#: columns of the history by which a printed best is chosen
SELECTED_BY = ("train_error_rate", "validation_error_rate")


@dataclass
class StoredRun:
    """A run of which study-runs.csv alone is left."""

    metrics: dict[str, Any] = field(default_factory=dict)
    history_rows: list[dict[str, float | None]] = field(default_factory=list)


class Measured:
    """The finished runs of a study's arms, by arm, setting and seed; ``left_out`` says which cannot be read."""

    def __init__(self, trials: Sequence[Trial], runs: Mapping[str, Run]) -> None:
        self._runs: dict[str, dict[Place, Run | StoredRun]] = {}
        self._sizes: dict[str, Sizes] = {}
        self.planned: dict[str, int] = {}
        self.left_out: list[str] = []
        for trial in trials:
            of_arm = self._runs.setdefault(trial.arm, {})
            self.planned[trial.arm] = self.planned.get(trial.arm, 0) + 1
            run = runs.get(trial.job.name)
            if run is not None and self._whole(run):
                of_arm[trial.setting, trial.seed] = run

    @classmethod
    def stored(
        cls, rows: Sequence[Mapping[str, str]], planned: Mapping[str, int], of_arms: Mapping[str, Sizes]
    ) -> "Measured":
        """From the rows of study-runs.csv, in which a value that is undefined has an empty cell."""
        made = cls([], {})
        made.planned, made._sizes = dict(planned), dict(of_arms)
        for row in rows:
            place = (tuple(row["setting"].split()), int(row["seed"]))
            run = made._runs.setdefault(row["arm"], {}).setdefault(place, StoredRun())
            run.metrics[row["name"]] = {"value": float(row["value"]) if row["value"] else None}
            if not run.history_rows:
                run.history_rows.append({by: float(row[by]) if row.get(by) else None for by in SELECTED_BY})
        return made

    def _whole(self, run: Run) -> bool:
        """Whether it has finished, and what is read of it can be."""
        try:
            return run.finished and run.metrics is not None and run.history_rows is not None
        except Unreadable as error:
            self.left_out.append(str(error))
            return False

    def settings(self, arm: str) -> list[tuple[str, ...]]:
        return list(dict.fromkeys(setting for setting, _ in self._runs.get(arm, {})))

    def sizes(self, arm: str) -> Sizes:
        """What bounds the metrics of an arm, by its first run."""
        if arm not in self._sizes:
            self._sizes[arm] = next((sizes(run.metrics) for run in self._runs.get(arm, {}).values()), Sizes())
        return self._sizes[arm]

    def values(self, arm: str, metric: str) -> dict[Place, float]:
        """By setting and seed, where the run has a value."""
        return {key: value for key, value in self._found(arm, metric).items() if value is not None}

    def asked(self, arm: str, metric: str) -> int:
        """How many finished runs have the metric, defined or not."""
        return len(self._found(arm, metric))

    def _found(self, arm: str, metric: str) -> dict[Place, float | None]:
        runs = self._runs.get(arm, {}).items()
        found = {key: value_of(run.metrics, metric) for key, run in runs}
        return {key: value for key, (has, value) in found.items() if has}

    def rows(self, lines: Sequence[Line]) -> list[Line]:
        """Every value that the lines sum up: a row a run and metric, with the errors by which a best is chosen."""
        chosen = {by: {line["arm"]: self.selections(line["arm"], by) for line in lines} for by in SELECTED_BY}
        return [
            {"arm": line["arm"], "setting": " ".join(setting), "seed": seed, "name": line["name"], "value": value}
            | {by: of_arms[line["arm"]].get((setting, seed)) for by, of_arms in chosen.items()}
            for line in lines
            for (setting, seed), value in self._found(line["arm"], line["name"]).items()
        ]

    def selections(self, arm: str, by: str) -> dict[Place, float]:
        """Training or validation error of the last epoch, by which what was printed was chosen."""
        found = {key: run.history_rows[-1].get(by) for key, run in self._runs.get(arm, {}).items()}
        return {key: value for key, value in found.items() if value is not None}


def value_of(metrics: Mapping[str, Any], name: str) -> tuple[bool, float | None]:
    """Whether a run has a metric, and its value; ``NAME: KEY`` is one of the numbers that a metric has by name."""
    whole, _, key = name.partition(": ")
    if name in metrics:
        return True, metrics[name].get("value")
    by_key = metrics.get(whole, {}).get("value") if key else None
    return (key in by_key, by_key.get(key)) if isinstance(by_key, dict) else (False, None)
