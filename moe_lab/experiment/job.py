"""A job: a config that has passed every check, and what is built from it."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from moe_lab.config.build import build
from moe_lab.config.check import check
from moe_lab.config.compose import choices, compose
from moe_lab.config.differences import Comparison, config_key, differences, is_undeciding, of_earlier_format, unchanged
from moe_lab.config.layered import LAYERS
from moe_lab.config.vary import vary
from moe_lab.data.classes import resolved_classes
from moe_lab.errors import ConfigError, TaskError, one_line, shown
from moe_lab.experiment.key import canonical, without_processes
from moe_lab.experiment.lasting import with_lasting_runs
from moe_lab.experiment.launch import launched
from moe_lab.experiment.machine import device_of
from moe_lab.experiment.models import model_facts
from moe_lab.experiment.options import AUTO, Experiment
from moe_lab.experiment.trial import try_own_parts
from moe_lab.layers.stacking import alike
from moe_lab.models.network import config_of_layer
from moe_lab.parts.checks import chosen_k
from moe_lab.parts.roles import Config
from moe_lab.store.facts import JobFacts
from moe_lab.store.run import Run

#: number of processes that train one model, if none is given and moe-lab starts them
PROCESSES = 2

#: the shape of one sample, the names of the classes, and facts besides the options that decide the data's content
Describe = Callable[[], tuple[tuple[int, ...], tuple[str, ...], Mapping[str, str]]]


@dataclass(frozen=True)
class Job:
    """A config that has passed every check: plain values; k, the rule of combination and the dispatch filled in.

    ``choices`` are the chosen options of each group, ``differs`` the differences from the defaults, ``auto_filled`` the
    keys that were null or auto and have been filled in, ``key`` the hash of everything that decides the result: jobs
    with one key give the same numbers. ``state_key`` leaves out the number of processes, so that a run can be resumed
    on another number.
    """

    config: Config
    choices: dict[str, str | list[str]]
    differs: Config
    auto_filled: list[str]
    key: str
    state_key: str

    @property
    def facts(self) -> JobFacts:
        """The facts of a job that status.json stores."""
        return {"key": self.key, "choices": self.choices, "differs": self.differs, "auto_filled": self.auto_filled}


def prepare(words: Sequence[str], config_dir: Path | None = None, plugins: Sequence[str] = ()) -> Job:
    """Compose the overrides, check every value and whether the parts fit each other. Writes nothing.

    Raises ConfigError, and DataError if a user's data file cannot be described.
    """
    config, chosen = compose(words, config_dir), choices(words, config_dir)
    return composed_job(config, chosen, Comparison(compose([], config_dir), config_dir), plugins)


def composed_job(
    config: Config,
    chosen: dict[str, Any],
    defaults: Comparison,
    plugins: Sequence[str] = (),
) -> Job:
    """The job of a composed config, after checking every value and whether the parts fit each other. ``chosen`` are the
    options of each group, ``defaults`` compares with the config without overrides. Raises ConfigError and DataError as
    ``prepare``.
    """
    check(config, Experiment, plugins)
    return _new_job(config, chosen, defaults.differences(config, chosen))


def prepare_from(run: Run, words: Sequence[str], config_dir: Path | None = None, plugins: Sequence[str] = ()) -> Job:
    """The job of an earlier run with overrides applied; without overrides the same job again.

    Keys that were filled in for the earlier run (k, the rule of combination, the dispatch ...) are filled in again.
    Raises ConfigError and DataError as ``prepare`` does, RunError if the run's files cannot be read.
    """
    with _said_of(run):
        check(run.config, Experiment, plugins)
    return vary_job(run.config, run.status, words, config_dir, plugins)


def vary_job(
    stored: Config,
    facts: JobFacts,
    words: Sequence[str],
    config_dir: Path | None = None,
    plugins: Sequence[str] = (),
) -> Job:
    """The job of a checked config and its ``Job.facts`` with overrides applied, as ``prepare_from``."""
    typed = [word.partition("=")[0] for word in words]
    given = _as_given(stored, facts)
    config, chosen = vary(given, words, config_dir)
    if "dataset.path" in typed and "dataset.root" not in typed:
        # paths typed now are relative to the current folder
        config["dataset"]["root"] = None
    check(config, Experiment, plugins)
    kept = {
        group: option
        for group, option in (facts.get("choices") or {}).items()
        if not any(group == key or group.startswith(f"{key}/") for key in typed)
    }
    chosen = kept | chosen
    told = {*typed, *(facts.get("differs") or {})}
    earlier = unchanged(given, facts.get("differs") or {})
    differs = differences(config, compose([], config_dir), chosen, config_dir, earlier)
    differs = {key: value for key, value in differs.items() if key in told or not is_undeciding(key)}
    return _new_job(config, chosen, differs)


def _new_job(config: Config, chosen: dict[str, Any], differs: Config) -> Job:
    """The job of a checked config that is to begin; a user's own parts are tried on a batch."""
    job = _job(config, chosen, differs)
    try_own_parts(job.config)
    return job


def stored_job(run: Run, plugins: Sequence[str] = (), describe: Describe | None = None) -> Job:
    """The job of a run's folder, checked like a command line, to resume it. ``describe`` replaces the data set's own
    description if its files should not be read. Raises ConfigError and RunError.
    """
    with _said_of(run):
        return checked_job(run.config, run.status, plugins, describe)


@contextmanager
def _said_of(run: Run) -> Iterator[None]:
    """Within the block a ConfigError names the run's config file."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{run.path / 'config.yaml'}: {error}") from None


def checked_job(config: Config, facts: JobFacts, plugins: Sequence[str] = (), describe: Describe | None = None) -> Job:
    """The job of a stored config and its ``Job.facts``, checked like a command line. Filled-in values and keys of an
    earlier format are kept, so that a run is resumed as it began. Raises ConfigError.
    """
    check(config, Experiment, plugins)
    auto_filled = [key for key in AUTO if key in (facts.get("auto_filled") or [])]
    job = _job(config, facts.get("choices") or {}, facts.get("differs") or {}, describe)
    job = replace(job, auto_filled=auto_filled)
    return replace(job, key=facts["key"], state_key=facts["key"]) if of_earlier_format(facts.get("key")) else job


def on_processes(job: Job, processes: Any, plugins: Sequence[str] = ()) -> Job:
    """The job on another number of processes. Raises ConfigError if it cannot be trained so."""
    if job.config.get("parallel") is None:
        raise ConfigError(f"parallel.processes={shown(processes)}: the run was started with one process; leave it out")
    config = {**job.config, "parallel": {**job.config["parallel"], "processes": processes}}
    differs = {**job.differs, "parallel.processes": processes}
    return checked_job(config, {**job.facts, "differs": differs}, plugins)


def _as_given(stored: Config, facts: JobFacts) -> Config:
    """The stored config in which filled-in keys are null or auto again, as they were given."""
    config = copy.deepcopy(stored)
    for key in facts.get("auto_filled") or []:
        node, name = _place(config, key)
        if isinstance(node, dict) and key in AUTO:
            node[name] = AUTO[key]
    return config


def _place(config: Config, key: str) -> tuple[Any, str]:
    """The node that contains a key, and the key's name in it."""
    group, _, name = key.rpartition(".")
    return config.get(group) if group else config, name


def _value(config: Config, key: str) -> Any:
    node, name = _place(config, key)
    return node.get(name) if isinstance(node, dict) else None


def _layers(config: Config) -> Config:
    """The settings of single layers, with their k: for a resumed run the k of the whole run is known."""
    layers = config.get(LAYERS) or {}
    own = {name: {**node, "k": chosen_k(config_of_layer(config, name))} for name, node in layers.items()}
    return {LAYERS: own} if own else {}


def _parallel(config: Config) -> Config:
    """The group ``parallel``, if there is one, with its number of processes."""
    parallel = config.get("parallel")
    if parallel is None:
        return {}
    launch = launched()
    count = parallel["processes"] or (launch.count if launch is not None else PROCESSES)
    return {"parallel": {**parallel, "processes": count}}


def _job(config: Config, chosen: dict[str, Any], differs: Config, describe: Describe | None = None) -> Job:
    """The job of a checked config; its parts are built to check that they fit each other."""
    dataset = build(config["dataset"])
    shape, class_names, content = describe() if describe else (*dataset.describe(), dataset.content())
    device_of(config)
    with_processes = {**config, **_parallel(config)}
    try:
        # several processes may train what does not fit one
        with alike("numbers" if config.get("parallel") is None else "shapes"):
            model = model_facts(with_processes, shape, len(class_names))
    except TaskError as error:
        raise TaskError(f"{error}{dataset.for_the_other_task()}") from None
    except (RuntimeError, OverflowError, MemoryError) as error:
        reason = one_line(str(error)).rpartition("err == 0. ")[2]
        raise ConfigError(f"these parts cannot be built: is a number too large? ({reason})") from None
    for node in config.get("loggers", {}).values():
        # raises if its package is missing
        build(node)
    resolved = {
        **with_lasting_runs(with_processes),
        "dataset": {**config["dataset"], **dataset.lasting()},
        "k": model.k,
        **_layers(config),
        "classes": resolved_classes(config.get("classes"), build(config["recipe"]).classes, len(class_names)),
        "gate": {**config["gate"], "combine": model.combine},
        "trainer": {**config["trainer"], "dispatch": model.dispatch},
    }
    auto_filled = [key for key, value in AUTO.items() if _value(config, key) == value != _value(resolved, key)]
    deciding = canonical(resolved, model.gate, model.objective, content)
    return Job(resolved, chosen, differs, auto_filled, config_key(deciding), config_key(without_processes(deciding)))
