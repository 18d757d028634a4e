"""`moe-lab list`: what there is to choose, and what is measured."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from moe_lab.cli.completion import complete_group, complete_option
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Format, FormatOption, Plugins
from moe_lab.errors import cut

if TYPE_CHECKING:
    from moe_lab.config.details import Details

EXAMPLES = """
Examples:

    moe-lab list

    moe-lab list gate

    moe-lab list gate softmax

    moe-lab list metric test_error_rate

    moe-lab list metric -f json
"""
METRIC, MEASURED = "metric", "What is measured of a run, from its files: definitions, units, bounds, sources."


def list_parts(
    group: Annotated[
        str | None,
        typer.Argument(
            metavar="[GROUP]",
            help="A group of the config, such as gate or dataset, or metric.",
            autocompletion=complete_group,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="One option of the group: all about it.", autocompletion=complete_option),
    ] = None,
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """List what can be chosen: the groups; the options of a group with a line and its source; all about an option."""
    from moe_lab.cli.tables import show
    from moe_lab.config.details import group_rows

    if group is None:
        rows = [*group_rows(config_dir), {"group": METRIC, "options": len(_metrics()), "summary": MEASURED}]
        show(rows, ["group", "options", "summary"], form, empty="")
        if form is Format.table:
            echo("`moe-lab list GROUP` lists the options of a group, `moe-lab list GROUP NAME` says all about one.")
    elif group == METRIC:
        _list_metrics(name, form)
    else:
        _list_group(group, name, form, config_dir, plugin or [])


def _list_metrics(name: str | None, form: Format) -> None:
    from moe_lab.cli.tables import show
    from moe_lab.errors import ConfigError, did_you_mean
    from moe_lab.metrics import METRICS

    if name is not None and name not in METRICS:
        raise ConfigError(f"no metric named '{cut(name)}'.{did_you_mean(name, METRICS)} `moe-lab list metric` has all")
    if form is Format.table:
        _print_metrics([name] if name else list(METRICS))
        return
    columns = ["name", "group", "unit", "bounds", "better", "definition", "source"]
    show([row for row in _metrics() if name in (None, row["name"])], columns, form, empty="")


def _list_group(group: str, name: str | None, form: Format, config_dir: Path | None, plugins: list[Path]) -> None:
    from moe_lab.cli.tables import show
    from moe_lab.config.catalog import catalog
    from moe_lab.config.details import details
    from moe_lab.config.sources import open_sources
    from moe_lab.errors import ConfigError, did_you_mean, there_are

    if group not in open_sources(config_dir).groups:
        names = [METRIC, *open_sources(config_dir).groups]
        raise ConfigError(f"no group named '{cut(group)}'.{did_you_mean(group, names)}{there_are(names)}")
    if name is None:
        columns = ["name", "summary", "source"]
        show(catalog(group, config_dir, plugins), columns, form, empty="nothing to choose from")
        return
    found = details(group, name, config_dir, plugins)
    if form is Format.table:
        _print_details(found)
    else:
        rows = [asdict(found)]
        show(rows, list(rows[0]), form, empty="")


def _print_details(found: "Details") -> None:
    """Its line and source, what it brings with it, its keys, and its docstring."""
    from rich.console import Console
    from rich.text import Text

    from moe_lab.cli.tables import show, text
    from moe_lab.errors import printable

    console = Console()
    console.print(Text.assemble((found.word, "bold"), "  ", found.summary))
    if found.source:
        console.print(Text.assemble("source: ", (found.source, "italic")))
    if found.brings:
        console.print(Text(f"brings: {text(found.brings)}"))
    if found.keys:
        show(
            [{"key": key, "default": _written(one)} for key, one in found.keys.items()],
            ["key", "default"],
            Format.table,
            empty="",
        )
    if found.text:
        echo(printable(found.text))


def _written(value: Any) -> str:
    """A default as one types it."""
    if value == "???":
        return "must be given"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _metrics() -> list[dict[str, str]]:
    from moe_lab.metrics import METRICS

    return [
        {
            "name": metric.name,
            "group": metric.group,
            "unit": metric.unit,
            "bounds": metric.range,
            "better": metric.better,
            "definition": metric.definition,
            "source": metric.source,
        }
        for metric in METRICS.values()
    ]


def _print_metrics(shown: list[str]) -> None:
    """Under the titles of their groups: name and unit, and below them what it is and its source."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from moe_lab.metrics import METRICS
    from moe_lab.metrics.registry import by_group, title

    console = Console()
    for group, names in by_group({name: METRICS[name] for name in shown}).items():
        console.print(Text(title(group), style="bold underline"), end="\n\n")
        for metric in map(METRICS.__getitem__, names):
            console.print(Text.assemble((metric.name, "bold"), f"  {metric.unit}, {metric.range}"))
            console.print(
                Padding(Text.assemble(metric.definition, "  ", (metric.source, "italic")), (0, 0, 1, 4), expand=False)
            )
