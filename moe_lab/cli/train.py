"""`moe-lab train`: one run."""

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import RUNS, ConfigDir, Plugins, RunsFolder, Words, load_plugins, named
from moe_lab.errors import ConfigError, RunError, UserError

if TYPE_CHECKING:
    from moe_lab.store.run import Run

EXAMPLES = """
Examples:

    moe-lab train

    moe-lab train gate=top_k k=2 'regularizer=[importance]' regularizers.importance.weight=0.2

    moe-lab train dataset=fashion_mnist gate=attentive experts.count=10 seed=1 --name attentive-1

    moe-lab train --from runs/attentive-1 seed=2 --name attentive-2

    moe-lab train --resume runs/attentive-1
"""


def train(
    words: Words = None,
    runs: RunsFolder = RUNS,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the run's folder; default: the time.")
    ] = None,
    from_: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Repeat an earlier run; words vary it.", parser=named)
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option("--resume", metavar="RUN", help="Go on with a run that was stopped or lost.", parser=named),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the run's folder only.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave the report out.")] = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train one mixture, evaluate it once on the test split, and write a report."""
    from moe_lab.cli.progress import progress
    from moe_lab.cli.signals import stop_asked
    from moe_lab.cli.summary import print_summary
    from moe_lab.errors import Diverged
    from moe_lab.experiment import job
    from moe_lab.experiment import run as experiment
    from moe_lab.experiment.inputs import load_data
    from moe_lab.experiment.writer import RunWriter
    from moe_lab.store.claim import CLAIM, claimed
    from moe_lab.store.folders import check_name, claim
    from moe_lab.store.run import Run
    from moe_lab.training.watch import Stopped

    if resume is not None and (words or name or from_):
        raise ConfigError("--resume goes on with the run's own config: leave words, --name and --from away")
    if name is not None:
        check_name(name, runs)
    plugins = load_plugins(plugin)
    if resume is not None:
        made = job.stored_job(_unfinished(Run(resume)), plugins)
    elif from_ is not None:
        made = job.prepare_from(Run(from_), words or [], config_dir, plugins)
    else:
        made = job.prepare(words or [], config_dir, plugins)
    data = load_data(made.config)
    folder = resume if resume is not None else claim(runs, name)
    with claimed(folder / CLAIM), stop_asked() as stop:
        if resume is not None:
            # whoever held it until now may have brought it to its end
            _unfinished(Run(resume))
        try:
            with progress(quiet) as watch:
                going_on = resume is not None
                experiment.run(made, folder, data, watch=watch, stop_asked=stop, resume=going_on)
        except Diverged as error:
            echo(f"moe-lab: {folder} diverged: {error}", err=True)
            raise typer.Exit(1) from None
        except Stopped as error:
            echo(f"moe-lab: {folder} {error}; go on with `moe-lab train --resume {folder}`", err=True)
            raise typer.Exit(stop.exit_code) from None
        except KeyboardInterrupt:
            echo(f"moe-lab: {folder} stopped; go on with `moe-lab train --resume {folder}`", err=True)
            raise typer.Exit(130) from None
        except UserError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            echo(f"moe-lab: {folder} failed: {reason}; {folder / 'train.log'} has the traceback", err=True)
            raise typer.Exit(1) from None
    run = Run(folder)
    page = None if no_report else _report(run)
    if page is not None and made.config.get("loggers"):
        RunWriter(made, folder).tell_loggers()
    if quiet:
        echo(folder)
    else:
        print_summary(run, page)


def _unfinished(run: "Run") -> "Run":
    """Raises RunError for a run that has ended as it should, or that somebody on this machine is still at; of other
    machines its claim tells."""
    status = run.status["status"]
    if status in ("finished", "diverged"):
        unreported = status == "finished" and not (run.path / "report.html").exists()
        report = f"write its report with `moe-lab report {run.path}`, or " if unreported else ""
        raise RunError(
            f"{run.path} is {status}: {report}repeat or vary it with `moe-lab train --from {run.path} KEY=VALUE`"
        )
    if status == "running" and run.status.get("host") == socket.gethostname():
        raise RunError(f"{run.path} is in use by process {run.status['pid']} on {run.status['host']}")
    return run


def _report(run: "Run") -> Path:
    from moe_lab.reports import write_run_report

    return write_run_report(run)
