"""`moe-lab list`: the options of each group, and the metrics."""

from pathlib import Path
from typing import Annotated

import typer

from moe_lab.cli.completion import complete_group, complete_option
from moe_lab.cli.explain import print_topics
from moe_lab.cli.tables import Format, FormatOption, show
from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Plugins
from moe_lab.errors import cut

EXAMPLES = """
Examples:

    moe-lab list

    moe-lab list gate

    moe-lab list gate softmax

    moe-lab list metric test_error_rate

    moe-lab list metric -f json
"""
METRIC, MEASURED = "metric", "Metrics of a run, computed from its files: definitions, units, bounds, sources."


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
        typer.Argument(
            metavar="[NAME]",
            help="One option of the group, to see everything about it.",
            autocompletion=complete_option,
        ),
    ] = None,
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """List the groups, the options of a group with a summary and source each, or everything about one option."""
    from moe_lab.config.details import group_rows

    if group is not None:
        _check_group(group, config_dir)
    if group is None:
        rows = [*group_rows(config_dir), {"group": METRIC, "options": len(_metrics()), "summary": MEASURED}]
        show(rows, ["group", "options", "summary"], form, empty="")
        if form is Format.table:
            echo("`moe-lab list GROUP` lists the options of a group, `moe-lab list GROUP NAME` says all about one.")
    elif name is not None:
        from moe_lab.cli.topics import topics

        print_topics(topics(f"{group}={name}", config_dir, plugin or []), form)
    elif group == METRIC:
        _list_metrics(form)
    else:
        _list_group(group, form, config_dir, plugin or [])


def _list_metrics(form: Format) -> None:

    if form is Format.table:
        _print_metrics()
        return
    show(_metrics(), ["name", "group", "unit", "bounds", "better", "definition", "source"], form, empty="")


def _list_group(group: str, form: Format, config_dir: Path | None, plugins: list[Path]) -> None:
    from moe_lab.config.catalog import catalog

    columns = ["name", "summary", "source"]
    show(catalog(group, config_dir, plugins), columns, form, empty="nothing to choose from")


def _check_group(group: str, config_dir: Path | None) -> None:
    """Raises ConfigError if there is no such group."""
    from moe_lab.config.sources import open_sources
    from moe_lab.errors import ConfigError, did_you_mean, there_are

    names = [METRIC, *open_sources(config_dir).groups]
    if group not in names:
        raise ConfigError(f"no group named '{cut(group)}'.{did_you_mean(group, names)}{there_are(names)}")


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


def _print_metrics() -> None:
    """Print metrics under the titles of their groups: name and unit, then the definition and its source."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    from moe_lab.metrics import METRICS
    from moe_lab.metrics.registry import by_group, title

    console = Console()
    for group, names in by_group(METRICS).items():
        console.print(Text(title(group), style="bold underline"), end="\n\n")
        for metric in map(METRICS.__getitem__, names):
            console.print(Text.assemble((metric.name, "bold"), f"  {metric.unit}, {metric.range}"))
            console.print(
                Padding(Text.assemble(metric.definition, "  ", (metric.source, "italic")), (0, 0, 1, 4), expand=False)
            )
