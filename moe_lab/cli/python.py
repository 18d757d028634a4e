"""The commands as functions, for Python and notebooks: each does what its command does, with the same errors."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import load_plugins
from moe_lab.config.keywords import as_words
from moe_lab.experiment.loading import LoadedRun
from moe_lab.sweeps.loading import LoadedSweep
from moe_lab.sweeps.studies.loading import LoadedStudy
from moe_lab.training.watch import StopAsked


def train(
    *words: str,
    runs: str | Path = "runs",
    name: str | None = None,
    from_: str | Path | None = None,
    resume: str | Path | None = None,
    report: bool = True,
    quiet: bool = False,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    **keywords: Any,
) -> LoadedRun:
    """Train one mixture, evaluate it once on the test split, and write a report: `moe-lab train`.

    >>> import moe_lab
    >>> run = moe_lab.train("gate=attentive", "trainer.epochs=2", seed=1, name="first", quiet=True)
    >>> run
    <run first: finished, gate attentive, trainer.epochs 2, seed 1, test_error_rate ...; runs/first>
    >>> run.history.epoch.tolist()
    [1, 2]
    >>> moe_lab.train("gate=atentive")
    Traceback (most recent call last):
    ...
    moe_lab.errors.ConfigError: no gate named 'atentive'. Did you mean attentive? There are: ...

    Args:
        words: overrides as on the command line.
        keywords: overrides as keywords: ``gate="attentive", trainer={"epochs": 2}``, ``**{"trainer.epochs": 2}``. A
            string is the text after the ``=``; lists, numbers, None and paths are Python's. ``dataset`` may be a pandas
            frame, whose last column, or ``**{"dataset.target": NAME}``, is to be predicted.
        runs, name: the run's folder is ``runs/name``, by default named by the time.
        from_: a run to repeat; overrides vary it.
        resume: a run that was stopped or lost, to be continued; it takes no name, and no override except
            ``parallel.processes``.
        report: whether report.html and its figures are written.
        quiet: whether no progress is printed.
        config_dir, plugins: a folder of your own options, and files of your own parts.

    Raises ConfigError, DataError and RunError for what the command line prints with exit code 2, Diverged if the loss
    is not finite, KeyboardInterrupt with the state saved if it is interrupted.
    """
    from moe_lab.cli.progress import progress
    from moe_lab.cli.train import RESUME_TAKES_NO_WORDS, job_of, processes_in, say_odd
    from moe_lab.errors import ConfigError
    from moe_lab.experiment.train import new_training, resumed_training

    typed, loaded = _words(words, keywords, Path(runs)), load_plugins(list(map(Path, plugins)))
    if resume is not None:
        if name or from_:
            raise ConfigError(RESUME_TAKES_NO_WORDS)
        beginning = resumed_training(Path(resume), loaded, processes_in(typed))
    else:
        job = job_of(typed, _path(from_), _path(config_dir), loaded)
        beginning = new_training(job, Path(runs), name)
    with (
        beginning as training,
        _interruptible(_resume("train", training.folder, config_dir, plugins)) as stop,
        progress(quiet) as watch,
    ):
        say_odd(training.odd, quiet)
        run = training.run(watch=watch, stop_asked=stop)
    if report:
        training.report()
    return LoadedRun(run.path, plugins)


def sweep(
    *words: str,
    runs: str | Path = "runs",
    name: str | None = None,
    resume: str | Path | None = None,
    again: bool = False,
    strict: bool = False,
    fail_fast: bool = False,
    report: bool = True,
    quiet: bool = False,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    **keywords: Any,
) -> LoadedSweep:
    """Train every combination of overrides with several values, and compare the runs: `moe-lab sweep`.

    >>> import moe_lab
    >>> short = {"trainer.epochs": 1, "trainer.limit_batches": 2, "launcher": "serial"}
    >>> gates = moe_lab.sweep("gate=softmax,attentive", seed=range(2), **short, name="gates", quiet=True)
    >>> gates
    <sweep gates: 4 finished; runs/gates>
    >>> gates.frame.groupby("gate").seed.count().to_dict()
    {'attentive': 2, 'softmax': 2}

    A tuple or a range holds several values, a list is one value: ``seed=range(10), regularizer=([], ["importance"])``.
    Combinations left out of the grid are printed on stderr, and so is each job that has not finished; its row in
    ``.frame`` has its status. An existing sweep ``runs/name`` is extended.

    Args:
        words, keywords, runs, name, report, quiet, config_dir, plugins: as for ``train``.
        resume: a sweep whose unfinished jobs are to be trained; takes overrides of the launcher.
        again: train every job again, in a new folder.
        strict: an override that is set aside, or a refused combination, is an error.
        fail_fast: the first job that fails stops the others.

    Raises ConfigError, DataError and RunError as the command does, KeyboardInterrupt with the state saved if it is
    interrupted.
    """
    from moe_lab.cli.sweep import say_unfinished, say_what_is_left_out
    from moe_lab.cli.sweep_progress import planning, sweep_watch
    from moe_lab.cli.train import say_odd
    from moe_lab.errors import ConfigError
    from moe_lab.sweeps.sweep import OWN_PLAN, new_sweep, resumed_sweep

    if resume is not None and name is not None:
        raise ConfigError(OWN_PLAN)
    typed, loaded, own = _words(words, keywords, Path(runs)), load_plugins(list(map(Path, plugins))), _path(config_dir)
    common: dict[str, Any] = {"again": again, "config_dir": own, "plugins": loaded, "follow": planning(quiet)}
    if resume is not None:
        made = resumed_sweep(Path(resume), typed, Path(runs), **common)
    else:
        made = new_sweep(typed, Path(runs), name, strict=strict, **common)
    say_what_is_left_out(made.plan, quiet)
    say_odd([] if quiet else made.odd)
    folder = made.claim()
    with _interruptible(_resume("sweep", folder, config_dir, plugins)) as stop:
        outcomes, said = made.run(folder, watch=sweep_watch(quiet), stop_asked=stop, fail_fast=fail_fast)
    if said and not quiet:
        echo(said)
    say_unfinished(outcomes)
    done = LoadedSweep(folder, plugins)
    if report:
        done.report()
    return done


def study(
    name: str,
    *words: str,
    runs: str | Path = "runs",
    folder_name: str | None = None,
    quick: bool = False,
    quiet: bool = False,
    config_dir: str | Path | None = None,
    plugins: Sequence[str | Path] = (),
    **keywords: Any,
) -> LoadedStudy:
    """Train the arms of a published table, and compare the results with the published numbers: `moe-lab study`.

    ``moe_lab.study("krishnamurthy2023", dataset="mnist").levels`` has one row per arm and metric, ``.differences`` one
    row per difference between arms. The same call resumes a study that was stopped.

    Args:
        name: one of those that `moe-lab list study` shows.
        words, keywords, runs, quiet, config_dir, plugins: as for ``train``.
        folder_name: name of the study's folder in ``runs``, by default made from its name and choices.
        quick: fewer seeds and epochs, for a first look.

    Raises ConfigError, DataError and RunError as the command does, KeyboardInterrupt with the state saved if it is
    interrupted.
    """
    from moe_lab.cli.study import say_left_out, say_unfinished
    from moe_lab.cli.sweep_progress import planning, sweep_watch
    from moe_lab.sweeps.studies.run import ready_study, run_study
    from moe_lab.sweeps.studies.study import Parts

    parts = Parts(_path(config_dir), load_plugins(list(map(Path, plugins))), planning(quiet))
    ready = ready_study(name, as_words(words, keywords), Path(runs), folder_name, quick=quick, parts=parts)
    with _interruptible("the same call") as stop:
        findings = run_study(ready, watch=sweep_watch(quiet), stop_asked=stop, unfinished=say_unfinished)
    say_left_out(findings)
    return LoadedStudy(ready.folder, findings)


def _words(words: Sequence[str], keywords: dict[str, Any], runs: Path) -> list[str]:
    """All overrides; a frame given as ``dataset`` is written as a table into a folder of ``runs``."""
    frame: Any = keywords.get("dataset")
    if hasattr(frame, "to_csv"):
        from moe_lab.data.frames import options_of

        others = {key: value for key, value in keywords.items() if key not in ("dataset", "dataset.categories")}
        keywords = options_of(frame, runs, tuple(keywords.get("dataset.categories", ()))) | others
    return as_words(words, keywords)


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)


def _resume(function: str, folder: Path, config_dir: str | Path | None, plugins: Sequence[str | Path]) -> str:
    """The call that resumes what is in a folder, with the same own options and parts."""
    own = f", config_dir={str(config_dir)!r}" if config_dir is not None else ""
    own += f", plugins={[str(file) for file in plugins]!r}" if plugins else ""
    return f"moe_lab.{function}(resume={str(folder)!r}{own})"


@contextmanager
def _interruptible(how: str) -> Iterator[StopAsked]:
    """Within the block Ctrl-C, or interrupting a notebook, saves the state first. Raises KeyboardInterrupt whose
    message says ``how`` to resume. Only Python's main thread receives such signals.
    """
    from moe_lab.cli.signals import stop_asked
    from moe_lab.experiment.run import never
    from moe_lab.training.watch import Stopped

    if threading.current_thread() is not threading.main_thread():
        yield never
        return
    with stop_asked() as stop:
        try:
            yield stop
        except Stopped as error:
            raise KeyboardInterrupt(f"{error}; resume with {how}") from None
        if stop():
            raise KeyboardInterrupt(f"stopped; resume with {how}")
