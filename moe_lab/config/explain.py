"""Finding the wrong override among well-formed ones that Hydra refuses together, and the override to write instead."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from moe_lab.config.sources import Sources
from moe_lab.config.words import Word
from moe_lab.errors import cut, did_you_mean, joined, near, there_are

Config = dict[str, Any]
Choices = dict[str, str | list[str]]
Load = Callable[[Sequence[Word]], tuple[Config, Choices]]


def leaves(node: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every leaf below ``node``: values that are no mapping, and empty mappings."""
    if not isinstance(node, dict) or (where and not node):
        yield where, node
    else:
        for key, value in node.items():
            yield from leaves(value, joined(where, str(key)))


def explain(words: Sequence[Word], sources: Sources, load: Load) -> str | None:
    """One line about a part for which the chosen parts have no place, or about an unknown key; None if neither is
    found.

    ``load`` composes overrides; its exceptions are passed on.
    """
    chosen = [word for word in words if word.key in sources.groups]
    _, picked = load([word for word in chosen if "/" not in word.key])
    for word in chosen:
        if word.key not in picked:
            parent = word.key.rpartition("/")[0]
            return f"{word.text}: {parent}={picked.get(parent)} has no {word.key} to choose"
    config, picked = load(chosen)
    keys = {key for leaf, _ in leaves(config) for key in _with_ancestors(leaf)}
    for word in words:
        if word.key not in keys and word.key not in sources.groups:
            return f"no such key '{cut(word.key)}'{_remedy(word.key, keys | set(sources.groups), picked, sources)}"
    return None


def _remedy(key: str, keys: set[str], picked: Choices, sources: Sources) -> str:
    """A suggestion: the option that has the key, or else the key that was probably meant."""
    mapping, _, inner = key.partition(".")
    if mapping in sources.several and inner:
        return f": the options of {mapping} are set with {mapping}s.{inner}"
    group = sources.mappings.get(mapping)
    if group and inner and (option := inner.partition(".")[0]) not in sources.options(group):
        return f": there is no {group} named '{option}'.{did_you_mean(option, sources.options(group))}"
    parent, _, name = key.rpartition(".")
    for group in sources.groups:
        for option in sources.options(group):
            place = sources.place(group, option)
            if group in sources.several and f"{key}.".startswith(f"{place}.") and option not in picked[group]:
                return f": add {group}=[{','.join([*picked[group], option])}]"
            if group not in sources.several and parent == place and name in sources.node(group, option):
                return f" with {group}={picked.get(group)}; {group}={option} has it"
    return f".{_meant(key, keys)}"


def _meant(key: str, keys: set[str]) -> str:
    """The key that was probably meant, or else those below the part that was named."""
    found = near(key, keys)
    above = max((one for one in keys if key.startswith(f"{one}.")), key=len, default="")
    beside = [one for one in keys if above and one.rpartition(".")[0] == above and not one.endswith("._target_")]
    if beside and found in (None, above):
        return there_are(beside)
    return f" Did you mean {found}?" if found else " `moe-lab config` shows what there is"


def _with_ancestors(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[: n + 1]) for n in range(len(parts))]
