"""`moe-lab list`: gates, experts, objectives, regularizers, controllers, data sets, metrics."""

from typing import Annotated

import typer

from moe_lab.cli.completion import complete_group
from moe_lab.cli.words import ConfigDir, Format, FormatOption, Plugins

EXAMPLES = """
Examples:

    moe-lab list

    moe-lab list gate

    moe-lab list metric -f json
"""


def list_parts(
    group: Annotated[
        str | None,
        typer.Argument(
            metavar="[GROUP]",
            help="A group of the config, such as gate or dataset, or metric.",
            autocompletion=complete_group,
        ),
    ] = None,
    form: FormatOption = Format.table,
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """List what can be chosen, with a line each and its source."""
    from moe_lab.cli.tables import show

    if group == "metric":
        if form is Format.table:
            _print_metrics()
        else:
            columns = ["name", "group", "unit", "bounds", "better", "definition", "source"]
            show(_metrics(), columns, form, empty="")
        return
    from moe_lab.config.catalog import catalog
    from moe_lab.config.sources import open_sources
    from moe_lab.errors import ConfigError, did_you_mean, there_are

    if group is not None and group not in open_sources(config_dir).groups:
        names = ["metric", *open_sources(config_dir).groups]
        raise ConfigError(f"no group named '{group}'.{did_you_mean(group, names)}{there_are(names)}")
    rows = catalog(group, config_dir, plugin or ())
    columns = ["name", "summary", "source"] if group else ["group", "name", "summary", "source"]
    labels = {name: name for name in columns if group or name != "source"}
    show(rows, columns, form, empty="nothing to choose from", labels=labels)


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
    """Under the titles of their groups: name and unit, and below them what it is and its source."""
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
