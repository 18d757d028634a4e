"""Arms from run folders: status.json, metrics.json and a sweep's plan.json. YAML is read only if necessary."""

from collections import Counter
from collections.abc import Collection as Paths
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from os.path import lexists
from pathlib import Path
from string import ascii_uppercase
from typing import Any, TypeGuard

from moe_lab.errors import RunError
from moe_lab.reports.arms.naming import SEEDS, Differs, arm_name, levels, settings_of, short_names
from moe_lab.store.plan import PLAN, StoredJob, StoredPlan, read_plan
from moe_lab.store.run import Run, Unreadable

DEFAULT = "everything at its default"
NOT_STARTED, REFUSED = "not started", "refused"
FINISHED = "finished"
#: up to this number of arms, their names are used; with more, letters with the name beside
CALLED_BY_NAME = 12
#: most jobs of a plan that are read
MOST_JOBS = 100_000

#: metrics of several numbers whose names have the same meaning in every run, unlike experts, their pairs and epochs
NAMED = ("attribute_", "reference_")

#: (seed_init, seed_order, seed) as text: the settings in which runs of one arm may differ
Seed = tuple[str, str, str]


@dataclass(frozen=True, eq=False)
class Member:
    """A run of an arm, or a planned one without a folder.

    ``repeats`` is an earlier run of the same arm and seed; a repetition is listed but not counted.
    """

    name: str
    state: str
    seed: Seed
    settings: dict[str, str]
    run: Run | None
    error: str | None = None
    repeats: str | None = None

    @property
    def stored(self) -> Run:
        """Its run folder. Raises RunError if it has none yet."""
        if self.run is None:
            raise RunError(f"{self.name} has no folder yet: it is {self.state}")
        return self.run

    @property
    def counts(self) -> bool:
        """Whether its numbers count."""
        return self.state == FINISHED and self.repeats is None

    @cached_property
    def scalars(self) -> dict[str, float]:
        """The metrics that are one finite number, and the named numbers of those in NAMED, as ``metric: name``."""
        found: dict[str, float] = {}
        for name, entry in self.metrics.items():
            value = entry.get("value")
            named = {f"{name}: {key}": one for key, one in value.items()} if isinstance(value, dict) else {name: value}
            if not isinstance(value, dict) or name.startswith(NAMED):
                found |= {key: one for key, one in named.items() if _is_number(one)}
        return found

    @cached_property
    def metrics(self) -> dict[str, dict[str, Any]]:
        """metrics.json; empty if the run did not finish."""
        if self.run is None or self.state != FINISHED:
            return {}
        return {name: entry for name, entry in self.run.metrics.items() if isinstance(entry, dict)}

    @property
    def seed_word(self) -> str:
        """The seed as text, ``3``, with the seeds that were set separately."""
        init, order, seed = self.seed
        apart = [f"{name} {one}" for name, one in (("init", init), ("order", order)) if one != seed]
        return f"{seed} ({', '.join(apart)})" if apart else f"{seed}"


@dataclass(frozen=True, eq=False)
class Arm:
    """Runs with equal settings apart from seeds. ``levels`` are its values of the settings that differ between arms.

    ``key`` is its label in figures and tables: its short ``name``, or a letter if there are many arms.
    """

    key: str
    name: str
    levels: dict[str, str]
    members: tuple[Member, ...]
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """The settings that distinguish it from other arms, as one would type them; all of them if none does."""
        return arm_name(self.levels) or arm_name(self.settings) or DEFAULT

    @cached_property
    def counted(self) -> tuple[Member, ...]:
        """The finished runs, one per seed, in order of the seeds."""
        return tuple(
            sorted((one for one in self.members if one.counts), key=lambda one: [(len(s), s) for s in one.seed])
        )

    @property
    def n(self) -> int:
        return len(self.counted)

    def values(self, metric: str) -> dict[Seed, float]:
        """seed -> value, for runs that have one."""
        return {one.seed: one.scalars[metric] for one in self.counted if metric in one.scalars}

    @property
    def states(self) -> dict[str, int]:
        """state -> number of runs, finished ones first; repetitions are not counted."""
        found = Counter(one.state for one in self.members if one.repeats is None)
        return dict(sorted(found.items(), key=lambda item: (item[0] != FINISHED, item[0])))


@dataclass(frozen=True, eq=False)
class Collection:
    """All arms, and the settings that all their runs share."""

    arms: tuple[Arm, ...]
    same: dict[str, str]
    refused: tuple[tuple[str, str], ...] = ()

    @cached_property
    def members(self) -> tuple[Member, ...]:
        return tuple(member for arm in self.arms for member in arm.members)

    @property
    def varying(self) -> list[str]:
        """The keys of the settings in which arms differ."""
        return list(self.arms[0].levels)

    @property
    def single(self) -> bool:
        """Whether no arm has two finished runs, so that nothing can be tested."""
        return all(arm.n < 2 for arm in self.arms)


def collect(runs: Sequence[Run], without_plans: Paths[Path] = ()) -> Collection:
    """Group runs into arms, with the jobs of their sweeps that never started, except for the sweeps ``without_plans``.

    Raises: RunError if there is no run; Unreadable if a file of a run or its sweep's plan is broken, or the run is not
    a mixture.
    """
    if not runs:
        raise RunError("there is no run to report; `moe-lab runs` lists the runs")
    plans = _plans(runs, without_plans)
    places = _places(plans)
    ordered = sorted(runs, key=lambda run: places.get(run.path.resolve(), -1))
    members = [_member(run) for run in ordered]
    members += [one for folder, plan in plans.items() for one in _without_folder(folder, plan)]
    groups: dict[frozenset[tuple[str, str]], list[Member]] = {}
    for member in members:
        groups.setdefault(frozenset(member.settings.items()), []).append(member)
    arms = _arms(list(groups.values()))
    refused = [(" ".join(one.words), one.reason) for plan in plans.values() for one in plan.refused]
    return Collection(tuple(arms), _same(arms), tuple(refused))


def _arms(groups: Sequence[Sequence[Member]]) -> list[Arm]:
    found = levels([(group[0].settings, group[0].run) for group in groups])
    names = short_names(found) if len(groups) > 1 else [arm_name(groups[0][0].settings) or DEFAULT]
    by_name = len(groups) <= CALLED_BY_NAME and len(set(names)) == len(names)
    keys = names if by_name else _letters(len(groups))
    return [
        Arm(key, name, level, _without_repeats(group), group[0].settings)
        for key, name, level, group in zip(keys, names, found, groups, strict=True)
    ]


def _letters(count: int) -> list[str]:
    """A .. Z, then AA, AB ..."""
    letters = list(ascii_uppercase)
    return (letters if count <= len(letters) else letters + ["".join(two) for two in product(letters, letters)])[:count]


def _member(run: Run) -> Member:
    run.require_trained()
    status = run.status
    differs = status.get("differs") or {}
    error = status.get("error")
    state = NOT_STARTED if status["status"] == "planned" else status["status"]
    return Member(run.name, state, _seed(differs), settings_of(differs), run, str(error) if error else None)


def _seed(differs: Differs) -> Seed:
    seed, init, order = (None if differs.get(name) is None else str(differs[name]) for name in SEEDS)
    seed = seed or "0"
    return (init or seed, order or seed, seed)


def _without_repeats(group: Sequence[Member]) -> tuple[Member, ...]:
    """If a seed was run twice, the first finished run counts, or else the first run."""
    first: dict[Seed, Member] = {}
    ordered = sorted(group, key=lambda one: one.state != FINISHED)
    originals = [(one, first.setdefault(one.seed, one)) for one in ordered]
    return tuple(one if one is original else replace(one, repeats=original.name) for one, original in originals)


def _plans(runs: Sequence[Run], without: Paths[Path]) -> dict[Path, StoredPlan]:
    """The plan.json of each sweep with a run among these."""
    sweeps = {run.path.resolve().parent.parent for run in runs if run.path.resolve().parent.name == "jobs"}
    there = [folder for folder in sorted(sweeps - set(without)) if lexists(folder / PLAN)]
    return {folder: _plan(folder) for folder in there}


def _plan(folder: Path) -> StoredPlan:
    try:
        plan = read_plan(folder)
    except OSError as error:
        raise Unreadable(f"{folder / PLAN} {error}", folder) from None
    except RunError as error:
        raise Unreadable(str(error), folder) from None
    if len(plan.jobs) > MOST_JOBS:
        raise Unreadable(f"{folder / PLAN} has {len(plan.jobs)} jobs, and {MOST_JOBS} at most are read", folder)
    return plan


def _without_folder(folder: Path, plan: StoredPlan) -> list[Member]:
    """The jobs of a plan that have no folder yet."""
    return [_planned(job) for job in plan.jobs if not lexists(folder / "jobs" / job.name / "status.json")]


def _planned(job: StoredJob) -> Member:
    return Member(job.name, NOT_STARTED, _seed(job.differs), settings_of(job.differs), None)


def _places(plans: dict[Path, StoredPlan]) -> dict[Path, int]:
    """The place of each job in its plan."""
    paths = [folder / "jobs" / job.name for folder, plan in plans.items() for job in plan.jobs]
    return {path: place for place, path in enumerate(paths)}


def _same(arms: Sequence[Arm]) -> dict[str, str]:
    """The settings that all arms share, and the parts that all of them chose."""
    shared = {
        key: value for key, value in arms[0].settings.items() if all(arm.settings.get(key) == value for arm in arms)
    }
    chosen = [_chosen(arm) for arm in arms if _chosen(arm)]
    parts = {
        key: value
        for key, value in (chosen[0] if chosen else {}).items()
        if "/" not in key and all(other.get(key) == value for other in chosen)
    }
    return parts | shared


def _chosen(arm: Arm) -> dict[str, str]:
    return next((settings_of(one.run.status.get("choices") or {}) for one in arm.members if one.run is not None), {})


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
