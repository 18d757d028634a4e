"""`moe-lab config`: the composed config, checked; writes nothing."""

import json
from typing import Annotated, Any

import typer

from moe_lab.cli.terminal import echo
from moe_lab.cli.words import ConfigDir, Plugins, Words, load_plugins

EXAMPLES = """
Examples:

    moe-lab config

    moe-lab config gate=top_k k=2 trainer.lr=3e-4 -f json
"""


def config(
    words: Words = None,
    form: Annotated[str, typer.Option("--format", "-f", metavar="yaml|json", help="Output format.")] = "yaml",
    config_dir: ConfigDir = None,
    plugin: Plugins = None,
) -> None:
    """Show the whole config of a run, differences from the defaults first. Values and combinations of parts are
    checked. Data files are not read, except the labels of an .npz file.
    """
    from moe_lab.errors import ConfigError
    from moe_lab.experiment.job import prepare

    if form not in ("yaml", "json"):
        raise ConfigError(f"-f {form}: expected yaml or json")
    job = prepare(words or [], config_dir, load_plugins(plugin))
    echo(json.dumps(job.config, indent=2) if form == "json" else _yaml(job.config, job.differs))


def _yaml(config: dict[str, Any], differs: dict[str, Any]) -> str:
    import yaml

    if differs:
        lines = [f"#   {key}: {json.dumps(value, ensure_ascii=False)}" for key, value in differs.items()]
        head = "\n".join(["# differs from the defaults:", *lines])
    else:
        head = "# nothing differs from the defaults"
    return head + "\n" + yaml.safe_dump(config, sort_keys=False, allow_unicode=True).rstrip()
