"""`moe-lab train`: one run."""

from pathlib import Path
from typing import Annotated

import typer

from moe_lab.cli.words import RUNS, ConfigDir, Plugins, RunsFolder, Words, load_plugins

EXAMPLES = """
Examples:

    moe-lab train

    moe-lab train gate=top_k k=2 'regularizer=[importance]' regularizers.importance.weight=0.2

    moe-lab train dataset=fashion_mnist gate=attentive experts.count=10 seed=1 --name attentive-1
"""


def train(
    words: Words = None,
    runs: RunsFolder = RUNS,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the run's folder; default: the time.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the run's folder only.")] = False,
    no_report: Annotated[bool, typer.Option("--no-report", help="Leave the report out.")] = False,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Train one mixture, evaluate it once on the test split, and write a report."""
    from moe_lab import experiment
    from moe_lab.cli.progress import progress
    from moe_lab.cli.signals import stop_asked
    from moe_lab.cli.summary import print_summary
    from moe_lab.store.folders import check_name, claim
    from moe_lab.store.run import Run
    from moe_lab.training.watch import Diverged, Stopped

    if name is not None:
        check_name(name, runs)
    job = experiment.prepare(words or [], config_dir, load_plugins(plugin))
    data = experiment.load_data(job.config)
    folder = claim(runs, name)
    with stop_asked() as stop:
        try:
            with progress(quiet) as watch:
                experiment.run(job, folder, data, watch=watch, stop_asked=stop)
        except Diverged as error:
            typer.echo(f"moe-lab: {folder} diverged: {error}", err=True)
            raise typer.Exit(1) from None
        except Stopped as error:
            typer.echo(f"moe-lab: {folder} {error}", err=True)
            raise typer.Exit(stop.exit_code) from None
    run = Run(folder)
    page = None if no_report else _report(run)
    if quiet:
        typer.echo(folder)
    else:
        print_summary(run, page)


def _report(run) -> Path:
    from moe_lab.reports import write_run_report

    return write_run_report(run)
