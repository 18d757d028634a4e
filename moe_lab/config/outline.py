"""Keys and values for completion at a prompt, read from files alone, because composing is too slow there.

Keys come from the defaults lists of the YAML files, values from the ``Literal`` hints in the source of the classes.
Nothing is imported, and no override is checked.
"""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from moe_lab.config.explain import leaves
from moe_lab.config.layered import LAYERS, NETWORK, OWN, SCORE, head, score_in_a_network
from moe_lab.config.sources import Sources, open_sources
from moe_lab.errors import joined

_PACKAGE_ROOT = Path(__file__).resolve().parents[2]
#: the class whose options are the top-level keys of a config
_ROOT = "moe_lab.experiment.options.Experiment"
#: texts that need no quotes in Hydra's grammar and in a shell
_PLAIN = re.compile(r"[\w./+-]+")

#: group, option and the dotted key of its node; option None means the group alone
_Choice = tuple[str, str | None, str]


@dataclass(frozen=True)
class Outline:
    """The groups and keys that can be set, given some overrides."""

    sources: Sources
    groups: frozenset[str]
    #: dotted key -> default value, and the class whose option it is ("" if there is none)
    defaults: dict[str, tuple[Any, str]]
    #: names of a network's blocks, which may have mixture layers
    blocks: tuple[str, ...] = ()

    @cached_property
    def keys(self) -> list[str]:
        """Sorted groups and dotted keys: every text that may stand before a ``=``."""
        run = [*self.groups, *self.defaults]
        own = [f"{LAYERS}.{block}.{key}" for block in self.blocks for key in run if head(key) in OWN]
        return sorted([*run, *own])

    def values(self, key: str, typed: str = "") -> list[str]:
        """The texts that may follow ``key=``: all values if they are known, else the default; [] if there is no such
        key.

        ``typed`` is the text there so far; in a list, the part before the last comma is kept.
        """
        key = key.removeprefix(f"{LAYERS}.{key.split('.')[1]}.") if key.startswith(f"{LAYERS}.") else key
        if key in self.groups:
            options = self.sources.options(key)
            return _lists(options, typed) if key in self.sources.several else options
        if key not in self.defaults:
            return []
        default, target = self.defaults[key]
        return [text for value in _known(default, target, key.rpartition(".")[2]) if (text := _written(value))]


def outline(words: Sequence[str], config_dir: Path | None = None) -> Outline:
    """The outline after ``words``, each KEY=VALUE. Raises ConfigError if a file cannot be read."""
    sources = open_sources(config_dir)
    split = [word.partition("=") for word in words]
    chosen = {key: re.findall(r"[^][,'\"\s]+", value) for key, _, value in split if key in sources.groups}
    defaults, groups, along = _read(sources, chosen)
    while new := {group: option for group, option in along.items() if group not in chosen}:
        chosen |= new
        defaults, groups, along = _read(sources, chosen)
    return Outline(sources, groups, defaults, _blocks(defaults, {key: value for key, _, value in split}))


def _blocks(defaults: dict[str, tuple[Any, str]], typed: dict[str, str]) -> tuple[str, ...]:
    """The names of a network's blocks: as many as its depth, or one."""
    if not any(key.startswith(f"{NETWORK}.") for key in defaults):
        return ()
    default, _ = defaults.get(f"{NETWORK}.depth", (1, ""))
    depth = typed.get(f"{NETWORK}.depth", str(default))
    return tuple(f"block{number}" for number in range(int(depth) if depth.isdecimal() else 1))


def _read(
    sources: Sources, chosen: dict[str, list[str]]
) -> tuple[dict[str, tuple[Any, str]], frozenset[str], dict[str, list[str]]]:
    """Keys with their defaults, the groups, and the options chosen in other groups, starting at config.yaml, with the
    options that ``chosen`` names by group."""
    found: list[_Choice] = [("", "config", "")]
    defaults: dict[str, tuple[Any, str]] = {}
    along: dict[str, list[str]] = {}
    for group, option, place in found:
        if option is None or (group and option not in sources.options(group)):
            continue
        node = sources.node(group, option)
        for entry in node.pop("defaults", []):
            if isinstance(entry, dict) and (one := next(iter(entry))).startswith("override "):
                along[one.removeprefix("override /").partition("@")[0]] = [entry[one]]
            else:
                found += [choice for choice in _included(entry, group, place, chosen, sources) if choice not in found]
        target = node.pop("_target_", "") if group else _ROOT
        defaults |= {key: (value, target) for key, value in leaves(node, place) if value != {}}
    return defaults, frozenset(group for group, option, _ in found if option is None), along


def _included(
    entry: str | dict[str, Any], group: str, place: str, chosen: dict[str, list[str]], sources: Sources
) -> list[_Choice]:
    """The option that an entry of a defaults list includes. For ``GROUP: NAME`` an override may choose another name;
    ``GROUP@PLACE: NAME``, with a place of its own, is fixed."""
    if isinstance(entry, str):
        return [] if entry == "_self_" else [(group, entry, place)]
    [(key, value)] = entry.items()
    name, _, own = key.split()[-1].partition("@")
    child = f"{group}/{name}".lstrip("/") if not name.startswith("/") else name[1:]
    if own:
        return [(child, value, joined(place, own))]
    if child == SCORE and isinstance(value, str) and chosen.get(NETWORK, ["none"]) != ["none"]:
        value = score_in_a_network(value)
    picked = chosen.get(child, value if isinstance(value, list) else [value])
    options = [(child, option, sources.place(child, option)) for option in picked if option is not None]
    return [(child, None, ""), *options]


def _lists(options: list[str], typed: str) -> list[str]:
    """``[NAME]`` for each option, or ``[A,NAME]`` after ``[A,``; a bare name if no bracket was typed."""
    if typed and not typed.startswith("["):
        return options
    head = typed[: typed.rfind(",") + 1] or "["
    taken = re.findall(r"[^][,\s]+", head)
    lists = [f"{head}{option}]" for option in options if option not in taken]
    return lists if taken else [*lists, "[]"]


def _known(default: Any, target: str, name: str) -> list[Any]:
    if isinstance(default, bool):
        return [True, False]
    known = _literals(target).get(name, ())
    return list(dict.fromkeys([*known, default] if default is None or not known else known))


def _literals(target: str) -> dict[str, tuple[Any, ...]]:
    """Option -> the values of its ``Literal`` hint, read from the source of moe_lab's class and of its bases."""
    module, _, name = target.rpartition(".")
    path = _PACKAGE_ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not module.startswith("moe_lab.") or not file.is_file():
        return {}
    tree = ast.parse(file.read_text()).body
    imports = (item for item in tree if isinstance(item, ast.ImportFrom))
    known = {alias.name: f"{item.module}.{alias.name}" for item in imports for alias in item.names}
    # a class that the package only re-exports
    found: dict[str, tuple[Any, ...]] = _literals(known[name]) if name in known else {}
    for node in tree:
        if isinstance(node, ast.ClassDef) and node.name == name:
            for base in node.bases:
                if isinstance(base, ast.Name):
                    found |= _literals(known.get(base.id, f"{module}.{base.id}"))
            annotated = [item for item in node.body if isinstance(item, ast.AnnAssign)]
            hints: dict[str, ast.expr | None] = {
                item.target.id: item.annotation for item in annotated if isinstance(item.target, ast.Name)
            }
            inits = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
            hints |= {one.arg: one.annotation for init in inits for one in init.args.kwonlyargs}
            found |= {option: _literal(hint) for option, hint in hints.items() if hint is not None}
    return {option: values for option, values in found.items() if values}


def _literal(hint: ast.expr) -> tuple[Any, ...]:
    for node in ast.walk(hint):
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "Literal":
            values = ast.literal_eval(node.slice)
            return values if isinstance(values, tuple) else (values,)
    return ()


def _written(value: Any) -> str:
    """The value as it is typed in an override; "" if it would need quotes, refers to another key, or must be given."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
    return text if not isinstance(value, str) or _PLAIN.fullmatch(text) else ""
