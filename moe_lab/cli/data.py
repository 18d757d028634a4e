"""`moe-lab data`: list data sets, get their files and check them."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from moe_lab.cli.completion import complete_dataset
from moe_lab.cli.tables import Format, FormatOption, show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Words

if TYPE_CHECKING:
    from moe_lab.data.dataset import Dataset

EXAMPLES = """
Examples:

    moe-lab data list

    moe-lab data prepare fashion_mnist

    moe-lab data check csv dataset.path=FILE.csv
"""
EXAMPLES_OF_PREPARE = """
Examples:

    moe-lab data prepare fashion_mnist

    moe-lab data prepare mnist dataset.root=elsewhere
"""
EXAMPLES_OF_CHECK = """
Examples:

    moe-lab data check mnist dataset.root=elsewhere

    moe-lab data check csv dataset.path=FILE.csv

    moe-lab data check csv dataset.path=FILE.csv dataset.target=price dataset.decimal=comma
"""

app = typer.Typer(no_args_is_help=True, help="Data sets: list them, get them, check their files.", epilog=EXAMPLES)
Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A data set of `moe-lab data list`.", autocompletion=complete_dataset),
]


@app.command("list")
def list_data(form: FormatOption = Format.table, config_dir: ConfigDir = None) -> None:
    """List the data sets."""
    from moe_lab.config.catalog import catalog

    show(catalog("dataset", config_dir), ["name", "summary", "source"], form, empty="no data sets")


@app.command(epilog=EXAMPLES_OF_PREPARE)
def prepare(name: Name, words: Words = None, config_dir: ConfigDir = None) -> None:
    """Get a data set's files into the data folder, from a system copy or by download, and verify their checksums."""
    echo(f"{name} is ready: {_dataset(name, words, config_dir).prepare()}")


@app.command(epilog=EXAMPLES_OF_CHECK)
def check(name: Name, words: Words = None, form: FormatOption = Format.table, config_dir: ConfigDir = None) -> None:
    """Read a data set's files, verify their checksums, and say how your own data are understood."""
    from moe_lab.cli.train import say_odd
    from moe_lab.parts.checks import FITTING

    dataset = _dataset(name, words, config_dir)
    show(dataset.check(), ["file", "source", "found"], form, empty="")
    data = dataset.load()
    if data.target is not None:
        echo(f"regression: training needs {FITTING['regression']}", err=True)
    say_odd(dataset.odd(data))


def _dataset(name: str, words: list[str] | None, config_dir: Path | None) -> "Dataset":
    from moe_lab.config.build import build
    from moe_lab.config.check import check as check_config
    from moe_lab.config.compose import compose
    from moe_lab.config.sources import open_sources
    from moe_lab.errors import ConfigError
    from moe_lab.experiment.options import Experiment

    open_sources(config_dir).check_option("dataset", name)
    if again := [word for word in words or [] if re.match(r"[+~]*dataset[=@]", word)]:
        raise ConfigError(f"{again[0]}: the data set is already named, {name}: leave this out")
    config = compose([f"dataset={name}", *(words or [])], config_dir)
    check_config(config, Experiment)
    return build(config["dataset"])
