"""A published table as a file: ``conf/study/NAME.yaml`` or one of a user's own folder, read and checked."""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from moe_lab.config.sources import open_sources
from moe_lab.config.wishes import wish
from moe_lab.errors import ConfigError, did_you_mean, there_are
from moe_lab.sweeps.studies.checks import OF_STUDIES, faults

Value = str | int | float | bool | None
Grid = dict[str, list[Value]]
Checked = TypeVar("Checked", bound=BaseModel)


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Changes(Strict):
    """What a choice of the study changes of an arm: words that it adds, and what it puts in the place of the arm's."""

    words: list[str] = []
    settings: Grid | None = None
    printed: dict[str, Value] | None = None
    fair: Grid | None = None


class Arm(Strict):
    """An arm: the words of all its runs, the published settings (every combination of these values), the one setting
    whose numbers are printed, and the settings of a fair comparison.

    With ``teacher``, another arm, its runs begin from the teacher's of the same seed (``recipe.run``): the settings are
    then the teacher's. With ``apart`` they are initialized by seeds of their own, not by the teacher's. ``without`` has
    keys of the choices' words that it has no use for. Of n words ``by_seed`` a run has the one whose number is its seed
    modulo n.
    """

    words: list[str]
    by_seed: list[str] = []
    without: list[str] = []
    teacher: str | None = None
    apart: bool = False
    settings: Grid = {}
    printed: dict[str, Value] = {}
    fair: Grid = {}

    def changed(self, changes: Changes) -> "Arm":
        given = changes.model_dump(exclude={"words"}, exclude_none=True)
        return self.model_copy(update={"words": [*self.words, *changes.words], **given})

    def after(self, choice: "Choice") -> "Arm":
        """With the choice's words before its own, except those that it goes without."""
        words, by_seed = ([one for one in some if one.partition("=")[0] not in self.without] for some in choice.common)
        return self.model_copy(update={"words": [*words, *self.words], "by_seed": [*by_seed, *self.by_seed]})

    def words_of(self, seeds: Sequence[int]) -> list[tuple[list[str], list[int]]]:
        """Its words, and the seeds that have them."""
        if not self.by_seed:
            return [(self.words, list(seeds))]
        apart: dict[str, list[int]] = {}
        for seed in seeds:
            apart.setdefault(self.by_seed[seed % len(self.by_seed)], []).append(seed)
        return [([*self.words, word], some) for word, some in apart.items()]


class Choice(Strict):
    """One value of a word of the study itself: words for all arms, all the same or ``by_seed`` (see Arm), metrics
    besides the study's own, changes of some arms, arms that it adds or drops, values of other words that it needs."""

    note: str = ""
    words: list[str] = []
    by_seed: list[str] = []
    metrics: dict[str, str] = {}
    arms: dict[str, Changes] = {}
    add: dict[str, Arm] = {}
    drop: list[str] = []
    only: dict[str, str] = {}

    @property
    def common(self) -> tuple[list[str], list[str]]:
        """The words of all arms, and those by seed."""
        return self.words, self.by_seed


class Fair(Strict):
    """protocol=fair: words that hold for all arms, and the seeds that choose among an arm's settings."""

    words: list[str] = []
    tuning_seeds: list[Annotated[int, Field(ge=0)]] = Field(default=[1000, 1001, 1002], min_length=1)


class Row(Strict):
    """What was published of an arm. ``best``: of the one run among ``of`` with the lowest value of ``by``; ``mean``:
    mean and sd (null: not printed) of ``n`` runs, ``over`` several settings where that is said."""

    best: dict[str, float] = {}
    of: int | None = Field(default=None, ge=1)
    by: Literal["train_error_rate", "validation_error_rate"] = "train_error_rate"
    mean: dict[str, tuple[float, Annotated[float, Field(ge=0)] | None]] = {}
    n: int | None = Field(default=None, ge=1)
    over: str = ""


class Published(Strict):
    """Rows that belong to some choices of the study."""

    where: dict[str, str] = {}
    rows: dict[str, Row]


class Quick(Strict):
    """What --quick makes of the study."""

    words: list[str] = []
    seeds: int | None = Field(default=None, ge=1)


class StudyFile(Strict):
    """A study: arms that differ in a few words, over the same seeds, and what was published of them.

    ``margins``: of metrics, the difference from a published number that does not matter, in the metric's unit.
    """

    title: str
    source: str
    seeds: int = Field(ge=1)
    first_seed: int = Field(default=0, ge=0)
    against: str
    metrics: dict[str, str]
    margins: dict[str, Annotated[float, Field(gt=0)]] = {}
    choices: dict[str, dict[str, Choice]] = {}
    arms: dict[str, Arm]
    fair: Fair | None = None
    quick: Quick = Quick()
    published: list[Published] = []

    @property
    def options(self) -> dict[str, tuple[str, ...]]:
        """The words of the study itself, each with its values, the default first."""
        own = {key: tuple(values) for key, values in self.choices.items()}
        return own | {"protocol": self.protocols} | ({"grid": OF_STUDIES["grid"]} if self.has_settings else {})

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols of the study, the default first: where nothing was published, a fair comparison is the only
        one."""
        if self.fair is None:
            return ("paper",)
        return OF_STUDIES["protocol"] if self.published else ("fair",)

    @property
    def all_choices(self) -> list[Choice]:
        return [choice for values in self.choices.values() for choice in values.values()]

    @property
    def all_arms(self) -> dict[str, Arm]:
        """All arms, those of every choice with them."""
        return self.arms | {name: arm for choice in self.all_choices for name, arm in choice.add.items()}

    @property
    def has_settings(self) -> bool:
        """Whether an arm has several settings, under some choice."""
        changes = [change for choice in self.all_choices for change in choice.arms.values()]
        return any(arm.settings for arm in self.all_arms.values()) or any(one.settings for one in changes)

    def chosen(self, choices: Mapping[str, str]) -> list[Choice]:
        return [self.choices[name][value] for name, value in choices.items()]

    def metrics_of(self, choices: Mapping[str, str]) -> dict[str, str]:
        """The metrics under these choices, with what they are called: the study's own, and those of the choices."""
        return self.metrics | {name: label for choice in self.chosen(choices) for name, label in choice.metrics.items()}

    def every_arm(self, choices: Mapping[str, str]) -> dict[str, Arm]:
        """All arms by name, those of these choices with them."""
        return self.arms | {name: arm for choice in self.chosen(choices) for name, arm in choice.add.items()}

    def arms_of(self, choices: Mapping[str, str]) -> dict[str, Arm]:
        """The arms under these choices: words of the choices first, then the arm's own."""
        arms = {}
        dropped = {name for choice in self.chosen(choices) for name in choice.drop}
        for name, arm in self.every_arm(choices).items():
            for choice in self.chosen(choices):
                arm = arm.changed(choice.arms.get(name, Changes()))
            for choice in reversed(self.chosen(choices)):
                arm = arm.after(choice)
            arms[name] = arm
        return {name: arm for name, arm in arms.items() if name not in dropped}

    def rows_of(self, choices: Mapping[str, str]) -> dict[str, Row]:
        """What was published of each arm under these choices."""
        rows: dict[str, Row] = {}
        for one in self.published:
            if one.where.items() <= dict(choices).items():
                rows |= one.rows
        return rows


AnyFile = TypeVar("AnyFile", bound=StudyFile)


def read_study(name: str, config_dir: Path | None = None) -> StudyFile:
    """The study ``name``. Raises ConfigError if there is none, or its file is not one."""
    return checked(StudyFile, *study_node(name, config_dir))


def study_node(name: str, config_dir: Path | None = None) -> tuple[dict[str, Any], str]:
    """What the file of the study ``name`` holds, not yet checked, and where it is. Raises ConfigError if there is
    none."""
    sources = open_sources(config_dir)
    options = sources.options("study")
    if name not in options:
        raise ConfigError(f"no study named '{name}'.{did_you_mean(name, options)}{there_are(options)}")
    return sources.node("study", name), str(sources.file("study", name))


def checked(kind: type[AnyFile], node: Mapping[str, Any], place: str) -> AnyFile:
    """The study that ``node`` describes; messages name its ``place``. Raises ConfigError if it is none."""
    study = validated(kind, node, place)
    for fault in faults(study):
        raise ConfigError(f"{place}: {fault}")
    return study


def validated(kind: type[Checked], node: Mapping[str, Any], place: str) -> Checked:
    """``node`` as a model. Raises ConfigError with the first thing that is wrong, and where."""
    try:
        return kind.model_validate(node)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise ConfigError(f"{place}: {key}: {wish(first['msg'])}") from None


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
