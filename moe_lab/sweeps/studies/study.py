"""A study: the arms of a published table as one sweep, over the same seeds."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from moe_lab.errors import ConfigError, did_you_mean, there_are
from moe_lab.store.run import Run
from moe_lab.sweeps.plan import Follow, Plan, Planned, silently
from moe_lab.sweeps.studies.arm import check_single, plan_of_arm
from moe_lab.sweeps.studies.claims import CLAIM, claim_names, read_claim
from moe_lab.sweeps.studies.file import Arm, Row, StudyFile, combinations, read_study

#: seeds of initialization of arms that stand apart from their teacher's, above its own
APART = 10_000
VALIDATION_ERROR = "validation_error_rate"


@dataclass(frozen=True)
class Trial:
    """A run of a study: its arm, its setting (words) and its seed; ``aside`` where its numbers are not shown: it serves
    to choose a setting, or to teach another arm, the ``pupil``."""

    arm: str
    setting: tuple[str, ...]
    seed: int
    job: Planned
    aside: bool = False
    pupil: str | None = None


@dataclass(frozen=True)
class Study:
    """A study as its words have it.

    choices: of the study's own words, such as dataset=mnist.
    extra:   words of the user for all arms, which make it another study than the published one.
    """

    name: str
    file: StudyFile
    choices: dict[str, str]
    protocol: str
    grid: str
    seeds: int
    extra: tuple[str, ...]

    @property
    def numbered_seeds(self) -> range:
        """The seeds of the runs whose numbers are shown."""
        return range(self.file.first_seed, self.file.first_seed + self.seeds)

    @property
    def fair(self) -> bool:
        """Whether every arm has its setting chosen in as many runs as the others."""
        return self.protocol == "fair"

    @property
    def arms(self) -> dict[str, Arm]:
        return self.file.arms_of(self.choices)

    @property
    def metrics(self) -> dict[str, str]:
        """What is shown of the runs, and what it is called."""
        return self.file.metrics_of(self.choices)

    @property
    def rows(self) -> dict[str, Row]:
        return self.file.rows_of(self.choices)

    @property
    def notes(self) -> list[str]:
        return [choice.note for choice in self.file.chosen(self.choices) if choice.note]

    @property
    def folder_name(self) -> str:
        """Where its runs go unless said otherwise: the same words go on with the same folder. The first choice is
        always named, others where they are not the default."""
        first, *rest = self.choices.items() or [("", "")]
        other = [value for key, value in rest if value != next(iter(self.file.choices[key]))]
        parts = [part for part in (self.name, first[1], *other) if part]
        if self.has_settings:
            parts += ["fair"] if self.fair else ["paper", self.grid]
        elif self.fair and self.protocol != self.file.protocols[0]:
            parts.append("fair")
        return "-".join(parts)

    @property
    def has_settings(self) -> bool:
        return any(arm.settings for arm in self.arms.values())


def open_study(name: str, words: Sequence[str], config_dir: Path | None = None, *, quick: bool = False) -> Study:
    """The study ``name`` with the user's words. Raises ConfigError where a word of the study has an unknown value, or
    two do not go together."""
    file = _file(name, words, config_dir)
    options = file.options
    picked = {key: values[0] for key, values in options.items()}
    extra = []
    for word in words:
        key, _, value = word.partition("=")
        if key == "seed":
            last = file.first_seed + file.seeds - 1
            raise ConfigError(f"{word}: a study has seeds of its own, {file.first_seed} to {last}: leave the word away")
        if key not in options:
            check_single(word)
            extra.append(word)
        elif value not in options[key]:
            raise ConfigError(
                f"{word}: study {name} has no such {key}.{did_you_mean(value, options[key])}{there_are(options[key])}"
            )
        else:
            picked[key] = value
    _check_only(file, picked)
    protocol, grid = picked.pop("protocol"), picked.pop("grid", "published")
    seeds = file.quick.seeds if quick and file.quick.seeds else file.seeds
    return Study(name, file, picked, protocol, grid, seeds, (*(file.quick.words if quick else ()), *extra))


def _file(name: str, words: Sequence[str], config_dir: Path | None) -> StudyFile:
    """The study, or that one of its claims which a word chooses."""
    claims = claim_names(name, config_dir)
    if not claims:
        return read_study(name, config_dir)
    chosen = [word.partition("=")[2] for word in words if word.startswith(f"{CLAIM}=")]
    if not chosen:
        raise ConfigError(f"study {name} has several claims: choose one with {CLAIM}=NAME.{there_are(claims)}")
    return read_claim(name, chosen[-1], config_dir)


def _check_only(file: StudyFile, picked: Mapping[str, str]) -> None:
    """Raise ConfigError where a word does not go with another."""
    for key, values in file.choices.items():
        for other, value in values[picked[key]].only.items():
            if picked[other] != value:
                raise ConfigError(f"{other}={picked[other]} does not go with {key}={picked[key]}: take {other}={value}")


Settings = Mapping[str, Sequence[tuple[str, ...]]]


@dataclass(frozen=True)
class Parts:
    """Where a study's parts come from besides moe-lab, and what shows how far planning is."""

    config_dir: Path | None = None
    plugins: Sequence[str] = ()
    follow: Follow = silently


#: a study of moe-lab's own parts alone
BUILT_IN = Parts()


def reported(study: Study, settings: Settings, parts: Parts = BUILT_IN) -> list[Trial]:
    """The runs whose numbers are shown, of arms without a teacher: each in its ``settings``, over the study's seeds."""
    arms = [name for name, arm in study.arms.items() if arm.teacher is None]
    followed = parts.follow(arms, len(arms), "arms planned")
    return [trial for name in followed for trial in _trials(study, name, settings[name], study.numbered_seeds, parts)]


def teachers(study: Study, settings: Settings, parts: Parts = BUILT_IN) -> list[Trial]:
    """The runs that arms with a teacher begin from; where their arm has the same setting they are its own runs."""
    taught = {name: arm.teacher for name, arm in study.arms.items() if arm.teacher is not None}
    return [
        replace(trial, aside=True, pupil=name)
        for name, teacher in taught.items()
        for trial in _trials(study, teacher, settings[name], study.numbered_seeds, parts)
    ]


def taught(study: Study, teaching: Sequence[Trial], jobs: Path, parts: Parts = BUILT_IN) -> list[Trial]:
    """The runs of arms with a teacher, whose runs ``teaching`` have finished in the folder ``jobs``."""
    trials = []
    for name, arm in study.arms.items():
        for other in teaching:
            if other.pupil == name:
                run = str((jobs / other.job.name).resolve()).replace("\\", "\\\\").replace("'", "\\'")
                words = [f"recipe.run='{run}'", *([f"seed_init={other.seed + APART}"] if arm.apart else [])]
                [trial] = _trials(study, name, [()], [other.seed], parts, words)
                trials.append(replace(trial, setting=other.setting))
    return trials


def published_settings(study: Study) -> dict[str, list[tuple[str, ...]]]:
    """Arm -> its settings under protocol=paper: the printed one, or all; of an arm with a teacher the teacher's."""
    if study.grid == "full":
        return {name: combinations(study.arms[arm.teacher or name].settings) for name, arm in study.arms.items()}
    printed = {name: {key: [value] for key, value in arm.printed.items()} for name, arm in study.arms.items()}
    return {name: combinations(grid) for name, grid in printed.items()}


def tuning(study: Study, parts: Parts = BUILT_IN) -> list[Trial]:
    """protocol=fair: every arm in each of its fair settings, over the tuning seeds. Raises ConfigError where arms have
    different numbers of settings."""
    settings = {name: combinations(arm.fair) for name, arm in study.arms.items() if arm.teacher is None}
    if len({len(one) for one in settings.values()}) > 1:
        counts = ", ".join(f"{name} {len(one)}" for name, one in settings.items())
        raise ConfigError(f"study {study.name}: a fair comparison gives every arm as many settings: {counts}")
    seeds = study.file.fair.tuning_seeds if study.file.fair else []
    followed = parts.follow(settings.items(), len(settings), "arms planned")
    found = [trial for name, some in followed for trial in _trials(study, name, some, seeds, parts)]
    return [replace(trial, aside=True) for trial in found]


def tuning_errors(trials: Sequence[Trial], runs: Mapping[str, Run]) -> list[float | None]:
    """Each run's validation error at the last epoch; None if it did not finish. ``runs`` by the name of their job."""
    found = [runs[trial.job.name] for trial in trials]
    return [run.history_rows[-1].get(VALIDATION_ERROR) if run.finished else None for run in found]


def tuned_settings(trials: Sequence[Trial], values: Sequence[float | None]) -> dict[str, list[tuple[str, ...]]]:
    """Arm -> the setting with the lowest mean validation error over its runs; of those that are equal but for rounding
    the first. A setting of which a run did not finish is out. Raises ConfigError if an arm has none left."""
    errors: dict[str, dict[tuple[str, ...], list[float | None]]] = {}
    for trial, value in zip(trials, values, strict=True):
        errors.setdefault(trial.arm, {}).setdefault(trial.setting, []).append(value)
    best = {}
    for arm, of_settings in errors.items():
        known = {setting: [one for one in values if one is not None] for setting, values in of_settings.items()}
        finished = [setting for setting, some in known.items() if len(some) == len(of_settings[setting])]
        whole = {setting: math.fsum(known[setting]) / len(known[setting]) for setting in finished}
        if not whole:
            raise ConfigError(f"arm {arm}: no setting finished on all tuning seeds, so none can be chosen")
        lowest = min(whole.values())
        best[arm] = [next(setting for setting, error in whole.items() if math.isclose(error, lowest))]
    return best


def with_teachers(study: Study, chosen: Settings) -> dict[str, Sequence[tuple[str, ...]]]:
    """Arms with a teacher follow the setting that was chosen for it."""
    return {name: chosen[arm.teacher or name] for name, arm in study.arms.items()}


def plan_of(trials: Sequence[Trial], words: Sequence[str]) -> Plan:
    """One plan of all trials; arms that come to the same config are trained once."""
    jobs = {trial.job.job.key: trial.job for trial in trials}
    return Plan(list(words), list(jobs.values()))


def _trials(
    study: Study,
    name: str,
    settings: Sequence[tuple[str, ...]],
    seeds: Sequence[int],
    parts: Parts,
    more: Sequence[str] = (),
) -> list[Trial]:
    fair = study.file.fair.words if study.fair and study.file.fair else []
    trials = []
    for setting in settings:
        for own, some in study.arms[name].words_of(seeds):
            words = [*own, *fair, *setting, *more]
            made = plan_of_arm((study.name, name), words, study.extra, some, parts.config_dir, parts.plugins)
            by_seed = {planned.job.config["seed"]: planned for planned in made.jobs}
            trials += [Trial(name, setting, seed, _named(by_seed[seed], name, setting, seed)) for seed in some]
    return trials


def _named(planned: Planned, arm: str, setting: Sequence[str], seed: int) -> Planned:
    values = [f"{word.partition('=')[0].rpartition('.')[2]}={word.partition('=')[2]}" for word in setting]
    text = re.sub(r"[^A-Za-z0-9._+=,-]", "", ",".join([arm.replace(" ", "_").replace("_+_", "+"), *values]))[:80]
    return replace(planned, name=f"{text},seed={seed}-{planned.job.key[-8:]}")
