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
        labels = {"name": "name", "unit": "unit", "definition": "definition"}
        columns = ["name", "unit", "bounds", "better", "definition", "source"]
        show(_metrics(), columns, form, empty="", labels=labels)
        return
    from moe_lab.config.catalog import catalog
    from moe_lab.config.messages import did_you_mean, there_are
    from moe_lab.config.sources import open_sources
    from moe_lab.errors import ConfigError

    if group not in (None, *open_sources(config_dir).groups):
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
            "unit": metric.unit,
            "bounds": f"{metric.low} to {metric.high}",
            "better": metric.better,
            "definition": metric.definition,
            "source": metric.source,
        }
        for metric in METRICS.values()
    ]
