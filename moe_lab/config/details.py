"""Descriptions of groups and of single options, without importing torch or any part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.config.catalog import catalog, docstring, rest
from moe_lab.config.explain import leaves
from moe_lab.config.outline import outline
from moe_lab.config.sentences import comments, inherited, sentences, without
from moe_lab.config.sources import OF_NO_RUN, Sources, open_sources
from moe_lab.errors import joined

#: group -> a sentence on what is chosen in it
GROUPS = {
    "baseline": "A plainer model, or the best router if it is known, trained in place of the mixture.",
    "controller": "A quantity changed after each step or epoch without a gradient: a bias, a temperature, a limit.",
    "dataset": "The data set: images, tables or text; built in, downloaded or your own.",
    "experts": "The networks among which the gate chooses.",
    "gate": "How experts are selected for each sample, and how their outputs are weighted.",
    "gate/score": "How a gate computes a score for each expert.",
    "gate/score/body": "The network that computes the features from which a gate's scores are made.",
    "gate/select": "Which experts are selected, given their scores.",
    "gate/weigh": "How scores become the weights of the selected experts.",
    "launcher": "How the jobs of a sweep run: one after the other, side by side, as one program, or on a cluster.",
    "logger": "Another tool that also receives a run's losses and metrics.",
    "network": "A network with mixture layers; none: one mixture is the whole model.",
    "objective": "The loss per sample, which trains experts and gate.",
    "parallel": "How many processes train one model: one, or several, each with a share of the experts.",
    "recipe": "How training proceeds: end to end, in stages, task by task, or from an earlier run.",
    "regularizer": "A term added to the loss, to balance the experts, to make them differ, or to make the gate sparse.",
    "study": "A question or a published table as a sweep, with its verdicts.",
    "sweeper": "Which combinations a sweep trains: all of a grid, or those that a search proposes.",
    "trainer": "Epochs, batches, optimizer, learning rate, precision.",
}


@dataclass(frozen=True)
class Details:
    """The description of an option: its summary, its source, the rest of its docstring, the options of other groups
    that it chooses, its keys with their defaults, and a sentence for each key."""

    group: str
    name: str
    summary: str
    source: str
    target: str
    text: str
    brings: dict[str, str]
    keys: dict[str, Any]
    sentences: dict[str, str]

    @property
    def word(self) -> str:
        """The override that chooses the option, without shell quotes."""
        return f"{self.group}={self.name}"


def group_rows(config_dir: Path | None = None) -> list[dict[str, Any]]:
    """One row per group: its name, the number of its options, and what is chosen in it."""
    sources = open_sources(config_dir)
    return [
        {"group": group, "options": len(sources.options(group)), "summary": GROUPS.get(group, "")}
        for group in sources.groups
    ]


def details(group: str, name: str, config_dir: Path | None = None, plugins: Sequence[Path] = ()) -> Details:
    """The description of one option. Raises ConfigError if there is no such group or option."""
    sources = open_sources(config_dir)
    sources.options(group)
    sources.check_option(group, name)
    rows = catalog(group, config_dir, plugins)
    row = next(one for one in rows if one["name"] == name)
    files = {path.stem: path for path in plugins if path.is_file()}
    keys = _keys(sources, group, name, config_dir)
    above = comments(sources.file(group, name))
    own = {joined(sources.place(group, name), key): comment for key, comment in above.items()}
    told = {key: _sentence(key, target, own, files) for key, (_, target) in keys.items()}
    # the docstring of a class that several options name says little about one of them
    alone = sum(one["target"] == row["target"] for one in rows) == 1
    text = without(docstring(row["target"], files), {key.rpartition(".")[2] for key in keys}) if alone else ""
    return Details(
        **row,
        text=rest(text),
        brings=_brings(sources, group, name),
        keys={key: value for key, (value, _) in keys.items()},
        sentences={key: sentence for key, sentence in told.items() if sentence},
    )


def _sentence(key: str, target: str, own: Mapping[str, str], plugins: Mapping[str, Path]) -> str:
    """The sentence about a key from the class's docstring, or else from the option's YAML file, or else from a base
    class."""
    name = key.rpartition(".")[2]
    said = sentences(docstring(target, plugins)).get(name)
    return said or own.get(key) or inherited(target, plugins).get(name, "")


def _brings(sources: Sources, group: str, name: str) -> dict[str, str]:
    """group -> option, for the options that the defaults list of the option's file chooses."""
    found = {}
    for entry in sources.node(group, name).get("defaults", []):
        for key, option in entry.items() if isinstance(entry, dict) else ():
            bare = key.split()[-1].partition("@")[0]
            found[bare.removeprefix("/") if bare.startswith("/") or "override" in key else f"{group}/{bare}"] = option
    return {key: str(option) for key, option in found.items() if option is not None}


def _keys(sources: Sources, group: str, name: str, config_dir: Path | None) -> dict[str, tuple[Any, str]]:
    """Dotted key -> its default, and the class whose option it is."""
    if group in OF_NO_RUN:
        node = {key: one for key, one in sources.node(group, name).items() if key != "defaults"}
        target = str(node.pop("_target_", ""))
        return {} if group == "study" or not node else {key: (one, target) for key, one in leaves(node, group)}
    place = joined(sources.place(group, name), "")
    word = f"{group}=[{name}]" if group in sources.several else f"{group}={name}"
    return {key: found for key, found in outline([word], config_dir).defaults.items() if key.startswith(place)}
