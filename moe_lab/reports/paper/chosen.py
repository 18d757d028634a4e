"""The arms and metrics for a paper, and the best ones among them."""

import re
from dataclasses import dataclass, replace
from functools import cached_property

from moe_lab.errors import RunError, did_you_mean
from moe_lab.metrics import METRICS
from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.measured import USAGE, Measured, Quantity, fitting_arms
from moe_lab.reports.arms.naming import without_gate
from moe_lab.reports.paper.best import Best, find_best
from moe_lab.statistics import Summary

#: a comma between two names; commas inside brackets belong to a value
_BETWEEN = re.compile(r",(?![^\[]*\])")


@dataclass(frozen=True, eq=False)
class Chosen:
    """The arms and the names of the metrics, in the order of the table."""

    #: among these arms only
    measured: Measured
    arms: tuple[Arm, ...]
    names: tuple[str, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(self.measured.quantities[name] for name in self.names)

    @cached_property
    def best(self) -> Best:
        return find_best(self.measured, self.arms, self.names)

    def levels(self, key: str) -> dict[Arm, str]:
        """The arms' values of a choice, without those of a gate that a baseline does not have."""
        found = {arm: without_gate(arm.levels) for arm in self.arms}
        return {arm: level[key] for arm, level in found.items() if key in level}

    @property
    def varying(self) -> list[str]:
        """The choices in which these arms differ."""
        return [key for key in self.measured.collection.varying if len(set(self.levels(key).values())) > 1]

    @property
    def summaries(self) -> list[Summary]:
        """The intervals of all arms and metrics that have one."""
        by_metric = [self.measured.summaries[name] for name in self.names]
        return [found[arm.key] for found in by_metric for arm in self.arms if arm.key in found]

    @property
    def methods(self) -> list[str]:
        """The names of the intervals."""
        return sorted({one.method for one in self.summaries if one.ends})


def choose(measured: Measured, columns: str | None = None, rows: str | None = None) -> Chosen:
    """These metrics of these arms. Raises RunError if one does not exist.

    By default they are the primary metrics and the load entropy of all arms with a finished run.
    """
    arms = tuple(chosen_rows(measured, rows))
    of_these = Measured(replace(measured.collection, arms=arms))
    return Chosen(of_these, arms, tuple(chosen_columns(of_these, columns)))


def chosen_columns(measured: Measured, columns: str | None) -> list[str]:
    """The metrics that ``--columns A,B`` names, in that order. Raises RunError if the runs have no such number."""
    if columns is None:
        return [name for name in (*measured.primary, USAGE) if name in measured.quantities]
    names = list(dict.fromkeys(one.strip() for one in columns.split(",") if one.strip()))
    for name in names:
        if name not in measured.quantities:
            several = " is not one number in these runs." if name in METRICS else " is not a metric of these runs."
            raise RunError(f"--columns: {name}{several}{did_you_mean(name, measured.quantities)}")
    if not names:
        raise RunError("--columns is empty: name metrics, such as test_error_rate,load_entropy_bits")
    return names


def chosen_rows(measured: Measured, rows: str | None) -> list[Arm]:
    """The arms that ``--rows A,gate=softmax`` names, in that order: by their key, or all arms with these settings.
    Raises RunError if there is none, or none with a finished run."""
    arms = measured.shown
    if rows is not None:
        found: dict[str, Arm] = {}
        for one in _BETWEEN.split(rows):
            fitting = [arm for arm in arms if one.strip() in (arm.key, arm.name)] or fitting_arms(arms, one)
            if not fitting:
                names = ", ".join(arm.words for arm in arms)
                raise RunError(f"--rows {one.strip()}: no such arm with a finished run. There are: {names}")
            found |= {arm.key: arm for arm in fitting}
        arms = tuple(found.values())
    if not arms:
        raise RunError("no run has finished, so there is no table of arms")
    return list(arms)
