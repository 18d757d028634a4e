"""`moe-lab train`: one run."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Plugins, RunsFolder, Words, load_plugins, named, own_options
from moe_lab.errors import ConfigError, UserError
from moe_lab.store.folders import RUNS

if TYPE_CHECKING:
    from moe_lab.cli.signals import Stop
    from moe_lab.experiment.job import Job
    from moe_lab.experiment.train import Training
    from moe_lab.experiment.twins import Twin

RESUME_TAKES_NO_WORDS = (
    "--resume goes on with the run's own config: leave out --name, --from and all overrides except parallel.processes"
)

EXAMPLES = """
Examples:

    moe-lab train

    moe-lab train gate=attentive seed=1 --name attentive

    moe-lab train gate=top_k k=2 'regularizer=[importance]' regularizers.importance.weight=0.2

    moe-lab train dataset=fashion_mnist experts.count=10 --name fashion

    moe-lab train --from runs/attentive seed=2 --name attentive-2

    moe-lab train --resume runs/attentive

    moe-lab train gate=switch --no-compare
"""


def train(
    words: Words = None,
    runs: RunsFolder = RUNS,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the run's folder; default: the time.")
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Repeat an earlier run; overrides vary it.", parser=named),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Continue a run that was stopped or lost.", parser=named),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the run's folder only.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave the report out.")] = False,
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Leave out the two plain networks that are trained for comparison.")
    ] = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train one mixture, evaluate it once on the test split, and write a report.

    For comparison one network like an expert and a dense network of as many parameters are trained as well.
    """
    from moe_lab.cli.progress import progress
    from moe_lab.cli.signals import stop_asked
    from moe_lab.cli.summary import print_summary, what_is_trained
    from moe_lab.experiment.train import new_training, resumed_training
    from moe_lab.store.run import Run

    if resume is not None and (name or from_):
        raise ConfigError(RESUME_TAKES_NO_WORDS)
    processes = None if resume is None else processes_in(words or [])
    plugins, options = load_plugins(plugin), own_options(config_dir, plugin)
    if resume is not None:
        beginning = resumed_training(resume, plugins, processes, compare=not no_compare)
    else:
        beginning = new_training(job_of(words or [], from_, config_dir, plugins), runs, name)
    with beginning as training, stop_asked() as stop:
        twins = [] if no_compare else _twins(training, plugins, quiet)
        with _exits(training.folder, stop, f"{' --no-compare' if no_compare else ''}{options}"):
            say_odd(training.odd, quiet)
            if not training.finished:
                with progress(quiet, what_is_trained(training, twins)) as watch:
                    training.run(watch=watch, stop_asked=stop)
        for twin in twins:
            twin.plan()
        page = None if no_report else training.report()
        failed = _train_beside(training, twins, stop, quiet, options)
        if twins and page is not None:
            page = training.report()
    if quiet:
        echo(training.folder)
    else:
        print_summary(Run(training.folder), page)
    if failed:
        raise typer.Exit(1)


def _twins(training: "Training", plugins: list[str], quiet: bool) -> "list[Twin]":
    """The plain networks still to be trained beside the run; impossible ones are named on stderr."""
    from moe_lab.experiment.twins import twins_of

    found, reasons = twins_of(training.job, training.folder, tuple(plugins))
    for reason in [] if quiet else reasons:
        echo(f"not beside it: {reason}", err=True)
    return [one for one in found if not one.ended]


def _train_beside(training: "Training", twins: "list[Twin]", stop: "Stop", quiet: bool, options: str) -> bool:
    """Train the twins of a finished run. Returns whether one failed. Exits with 130 or 143 after Ctrl-C or SIGTERM.
    ``options``: what to type after --resume RUN.
    """
    from moe_lab.cli.progress import progress
    from moe_lab.cli.summary import what_is_beside
    from moe_lab.errors import Diverged
    from moe_lab.training.watch import Stopped

    failed, go_on = False, _resume_with(training.folder, options)
    for twin in twins:
        try:
            with progress(quiet, what_is_beside(training, twin, twin is twins[0])) as watch:
                twin.train(training.data, watch=watch, stop_asked=stop)
        except Diverged as error:
            echo(f"moe-lab: {twin.folder} diverged: {error}", err=True)
        except (Stopped, KeyboardInterrupt) as error:
            how = str(error) or "stopped"
            code = stop.exit_code if isinstance(error, Stopped) else 130
            _exit(f"{training.folder} is finished, {twin.folder} {how}; {go_on}", code)
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            echo(f"moe-lab: {twin.folder} failed: {reason}; {twin.folder / 'train.log'} has the traceback", err=True)
            failed = True
    return failed


def processes_in(words: list[str]) -> Any:
    """The value of parallel.processes, the only override that --resume allows. Raises ConfigError for others."""
    if not words:
        return None
    from moe_lab.config.compose import parse

    parsed = [parse(word) for word in words]
    if len(parsed) > 1 or parsed[0].key != "parallel.processes":
        raise ConfigError(RESUME_TAKES_NO_WORDS)
    return parsed[0].value


def say_odd(sentences: list[str], quiet: bool = False) -> None:
    """Print on stderr what is odd in the data, and what to do about it."""
    for sentence in [] if quiet else sentences:
        echo(f"odd: {sentence}", err=True)


def job_of(words: list[str], from_: Path | None, config_dir: Path | None, plugins: list[str]) -> "Job":
    """The job of the overrides, or of the run ``from_`` varied by them. Raises as ``prepare`` and ``prepare_from``
    do.
    """
    from moe_lab.experiment.job import prepare, prepare_from
    from moe_lab.store.run import Run

    return (
        prepare_from(Run(from_), words, config_dir, plugins)
        if from_ is not None
        else prepare(words, config_dir, plugins)
    )


@contextmanager
def _exits(folder: Path, stop: "Stop", options: str) -> Iterator[None]:
    """Within the block, print how an unfinished run ended, and exit: 1 if it diverged or failed, 128 + signal if it
    stopped. ``options``: what to type after --resume RUN.
    """
    from moe_lab.errors import Diverged, RankLost
    from moe_lab.training.watch import Stopped

    go_on = _resume_with(folder, options)
    try:
        yield
    except Diverged as error:
        _exit(f"{folder} diverged: {error}", 1)
    except Stopped as error:
        _exit(f"{folder} {error}; {go_on}", stop.exit_code)
    except RankLost as error:
        _exit(f"{folder} was interrupted: {error}; {go_on}", 1)
    except KeyboardInterrupt:
        _exit(f"{folder} stopped; {go_on}", 130)
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        _exit(f"{folder} failed: {reason}; {folder / 'train.log'} has the traceback", 1)


def _resume_with(folder: Path, options: str) -> str:
    return f"resume with `moe-lab train --resume {shlex.quote(str(folder))}{options}`"


def _exit(text: str, code: int) -> NoReturn:
    echo(f"moe-lab: {text}", err=True)
    raise typer.Exit(code) from None
