"""A published table as a file: ``conf/study/NAME.yaml`` or one of a user's own folder, read and checked."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moe_lab.config.messages import did_you_mean, there_are
from moe_lab.config.sources import open_sources
from moe_lab.errors import ConfigError
from moe_lab.metrics import METRICS

Value = str | int | float | bool | None
Grid = dict[str, list[Value]]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Changes(_Strict):
    """What a choice of the study changes of an arm."""

    words: list[str] = []
    settings: Grid | None = None
    printed: dict[str, Value] | None = None


class Arm(_Strict):
    """An arm: the words of all its runs, the published settings (every combination of these values), the one setting
    whose numbers are printed, and the settings of a fair comparison.

    With ``teacher``, another arm, its runs begin from the teacher's of the same seed (``recipe.run``): the settings are
    then the teacher's.
    """

    words: list[str]
    teacher: str | None = None
    settings: Grid = {}
    printed: dict[str, Value] = {}
    fair: Grid = {}

    def changed(self, changes: Changes) -> "Arm":
        settings, printed = changes.settings, changes.printed
        return self.model_copy(
            update={
                "words": [*self.words, *changes.words],
                "settings": self.settings if settings is None else settings,
                "printed": self.printed if printed is None else printed,
            }
        )


class Choice(_Strict):
    """One value of a word of the study itself: words for all arms, and changes of some."""

    note: str = ""
    words: list[str] = []
    arms: dict[str, Changes] = {}
    drop: list[str] = []


class Fair(_Strict):
    """protocol=fair: words that hold for all arms, and the seeds that choose among an arm's settings."""

    words: list[str] = []
    tuning_seeds: list[int] = [1000, 1001, 1002]


class Row(_Strict):
    """What was published of an arm. ``best``: of the one run with the lowest training error among ``of``; ``mean``:
    mean and sd of ``n`` runs, ``over`` several settings where that is said."""

    best: dict[str, float] = {}
    of: int | None = None
    mean: dict[str, tuple[float, float]] = {}
    n: int | None = None
    over: str = ""


class Published(_Strict):
    """Rows that belong to some choices of the study."""

    where: dict[str, str] = {}
    rows: dict[str, Row]


class Quick(_Strict):
    """What --quick makes of the study."""

    words: list[str] = []
    seeds: int | None = None


class StudyFile(_Strict):
    """A study: arms that differ in a few words, over the same seeds, and what was published of them."""

    title: str
    source: str
    seeds: int = Field(ge=1)
    against: str
    metrics: dict[str, str]
    choices: dict[str, dict[str, Choice]] = {}
    arms: dict[str, Arm]
    fair: Fair | None = None
    quick: Quick = Quick()
    published: list[Published] = []

    def chosen(self, choices: Mapping[str, str]) -> list[Choice]:
        return [self.choices[name][value] for name, value in choices.items()]

    def arms_of(self, choices: Mapping[str, str]) -> dict[str, Arm]:
        """The arms under these choices: words of the choices first, then the arm's own."""
        arms = {}
        dropped = {name for choice in self.chosen(choices) for name in choice.drop}
        for name, arm in self.arms.items():
            for choice in self.chosen(choices):
                arm = arm.changed(choice.arms.get(name, Changes()))
            common = [word for choice in self.chosen(choices) for word in choice.words]
            arms[name] = arm.model_copy(update={"words": [*common, *arm.words]})
        return {name: arm for name, arm in arms.items() if name not in dropped}

    def rows_of(self, choices: Mapping[str, str]) -> dict[str, Row]:
        """What was published of each arm under these choices."""
        rows: dict[str, Row] = {}
        for one in self.published:
            if one.where.items() <= dict(choices).items():
                rows |= one.rows
        return rows


def read_study(name: str, config_dir: Path | None = None) -> StudyFile:
    """The study ``name``. Raises ConfigError where there is none, or its file is not one."""
    sources = open_sources(config_dir)
    options = sources.options("study")
    if name not in options:
        raise ConfigError(f"no study named '{name}'.{did_you_mean(name, options)}{there_are(options)}")
    try:
        study = StudyFile.model_validate(sources.node("study", name))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{sources.file('study', name)}: {place}: {first['msg']}") from None
    for named in (study.against, *(arm.teacher for arm in study.arms.values() if arm.teacher)):
        if named not in study.arms:
            raise ConfigError(f"{sources.file('study', name)}: there is no arm named '{named}'")
    for metric in study.metrics:
        if metric not in METRICS:
            near = did_you_mean(metric, METRICS)
            raise ConfigError(
                f"{sources.file('study', name)}: no metric named '{metric}'.{near} See moe-lab list metric"
            )
    return study


def combinations(grid: Mapping[str, list[Any]]) -> list[tuple[str, ...]]:
    """Every combination of a grid's values as words; of no grid, no words."""
    return [
        tuple(f"{key}={written(value)}" for key, value in zip(grid, values, strict=True))
        for values in product(*grid.values())
    ]


def written(value: Value) -> str:
    """A value as Hydra's grammar reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
