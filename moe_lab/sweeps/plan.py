"""Planning a sweep: overrides become jobs that are composed, checked and named before anything is written."""

import itertools
import math
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moe_lab.config.compose import MOST_VALUES
from moe_lab.config.differences import Comparison
from moe_lab.config.many import Composer
from moe_lab.config.words import Word
from moe_lab.errors import ConfigError
from moe_lab.experiment.job import Job, composed_job
from moe_lab.store.plan import Refused

#: allowed names of a job's folder
JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=,-]{0,110}")
_LONGEST = 90
#: iterates over things in order, and may show how many of ``count`` things, called ``what``, are done
Follow = Callable[[Iterable[Any], int, str], Iterable[Any]]


def silently(things: Iterable[Any], count: int, what: str) -> Iterable[Any]:
    """A ``Follow`` that shows nothing."""
    return things


class NoJobLeft(ConfigError):
    """None of the combinations can be trained."""


@dataclass(frozen=True)
class Planned:
    """A job of a sweep: its folder's name, the overrides that define it, and those set aside because its config has no
    such key.
    """

    name: str
    words: list[str]
    aside: list[str]
    job: Job


@dataclass(frozen=True)
class Plan:
    """Every job of a sweep, each once, with its whole config; ``words`` as they were typed.

    ``duplicates`` counts combinations that give the same job as an earlier one.
    """

    words: list[str]
    jobs: list[Planned]
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0

    def check_strictly(self) -> None:
        """Raises ConfigError if an override is set aside or a combination refused."""
        for planned in self.jobs:
            if planned.aside:
                raise ConfigError(f"--strict: {planned.aside[0]} has no place in the job {' '.join(planned.words)}")
        for one in self.refused:
            raise ConfigError(f"--strict: {' '.join(one.words)} is refused: {one.reason}")

    def extended(self, other: "Plan") -> "Plan":
        """This plan plus the jobs of another plan that it does not contain yet."""
        keys = {planned.job.key for planned in self.jobs}
        new = [planned for planned in other.jobs if planned.job.key not in keys]
        refused = [one for one in other.refused if one not in self.refused]
        words = self.words + [word for word in other.words if word not in self.words]
        return Plan(words, [*self.jobs, *new], [*self.refused, *refused], other.duplicates)


def plan(
    words: Sequence[str],
    config_dir: Path | None = None,
    plugins: Sequence[str] = (),
    *,
    strict: bool = False,
    named: Collection[str] = (),
    follow: Follow = silently,
) -> Plan:
    """The jobs that the overrides stand for, in Hydra's sweep grammar; the last override varies fastest. Writes
    nothing.

    An override whose key only some combinations have is applied there and set aside elsewhere; combinations whose parts
    do not fit each other are listed as refused. Raises ConfigError if an override cannot be used in any combination,
    NoJobLeft if all are refused, and ConfigError with ``strict`` if an override is set aside or a combination refused.
    A job's name contains the overrides with several values, and those of the keys ``named``.
    """
    composer = Composer(config_dir)
    alternatives = _alternatives(words, composer, follow)
    varied = {key for key, found in alternatives.items() if len(found) > 1 or key in named}
    draft = _Draft(composer, config_dir, plugins, varied)
    combinations = math.prod(map(len, alternatives.values()))
    for combination in follow(itertools.product(*alternatives.values()), combinations, "combinations planned"):
        draft.add(combination)
    draft.check_words([word for found in alternatives.values() for word in found])
    jobs = list(draft.jobs.values())
    made = Plan(list(words), jobs, draft.refused, draft.duplicates)
    if not jobs:
        raise NoJobLeft(_why_none(draft.refused))
    if strict:
        made.check_strictly()
    return made


def _why_none(refused: Sequence[Refused]) -> str:
    """The reason why no combination is left: that of all, or the first of several."""
    first = refused[0].reason
    return first if all(one.reason == first for one in refused) else f"no job is left: {first}"


def _alternatives(words: Sequence[str], composer: Composer, follow: Follow) -> dict[str, list[Word]]:
    """Key -> its overrides of one value each. Raises ConfigError for too many combinations before any is composed."""
    # the last override of a key replaces earlier ones
    texts = {composer.word(found[0]).key: found for found in map(composer.alternatives, words)}
    count = math.prod(map(len, texts.values()))
    if count > MOST_VALUES:
        raise ConfigError(
            f"these overrides make {count} combinations, and a sweep has at most {MOST_VALUES}: leave values out, or "
            "make several sweeps"
        )
    read = iter(
        follow(map(composer.word, itertools.chain(*texts.values())), sum(map(len, texts.values())), "values read")
    )
    return {key: list(itertools.islice(read, len(found))) for key, found in texts.items()}


class _Draft:
    """A plan under construction."""

    def __init__(self, composer: Composer, config_dir: Path | None, plugins: Sequence[str], varied: set[str]) -> None:
        self.jobs: dict[str, Planned] = {}
        self.refused: list[Refused] = []
        self.duplicates = 0
        self._composer = composer
        self._plugins = plugins
        self._varied = varied
        self._defaults = Comparison(composer.defaults(), config_dir)
        self._seen: set[tuple[str, ...]] = set()
        self._used: set[str] = set()
        self._last_reason: dict[str, str] = {}

    def add(self, combination: Sequence[Word]) -> None:
        words, aside = self._composer.fitting(combination)
        texts = [word.text for word in words]
        if tuple(texts) in self._seen:
            self.duplicates += 1
            return
        self._seen.add(tuple(texts))
        try:
            config, choices = self._composer.compose(words)
            job = composed_job(config, choices, self._defaults, self._plugins)
        except ConfigError as error:
            self.refused.append(Refused(texts, str(error)))
            self._last_reason |= dict.fromkeys(texts, str(error))
            return
        self._used.update(texts)
        if job.key in self.jobs:
            self.duplicates += 1
            return
        name = job_name([word for word in words if word.key in self._varied], job.key)
        self.jobs[job.key] = Planned(name, texts, [word.text for word in aside], job)

    def check_words(self, words: Sequence[Word]) -> None:
        """Raises ConfigError for an override whose key no combination has, or whose own value is never valid."""
        unused = [word for word in words if word.text not in self._used]
        for word in unused:
            if word.text not in self._last_reason:
                choices = {one.key: one for one in reversed(words) if one.key in self._composer.sources.groups}
                whole = [*choices.values(), *([] if word.key in choices else [word])]
                raise ConfigError(self._composer.explain(whole) or f"{word.text} fits no combination")
        for word in unused:
            reason = self._last_reason[word.text]
            if reason.startswith(f"{word.key}="):
                raise ConfigError(reason)


def job_name(words: Sequence[Word], key: str) -> str:
    """``<choices>-<hash>``: the overrides that vary, by the last part of their key, and the job key's last eight
    digits.
    """
    choices = ",".join(f"{re.split('[./]', word.key)[-1]}={_written(word.value)}" for word in words)
    choices = re.sub(r"[^A-Za-z0-9._+=,-]", "_", choices).lstrip("._+=,-")[:_LONGEST]
    return f"{choices or 'job'}-{key[-8:]}"


def _written(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value)) or "none"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
