"""The settings of a sweep itself: overrides of ``launcher`` and ``sweeper``, such as ``launcher.OPTION=VALUE``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moe_lab.config.build import build
from moe_lab.config.check import check
from moe_lab.config.compose import parse
from moe_lab.config.sources import OF_A_SWEEP, Sources, open_sources
from moe_lab.config.words import Word, vet_choice
from moe_lab.errors import ConfigError
from moe_lab.sweeps.launcher import Launcher
from moe_lab.sweeps.sweeper import Sweeper

DEFAULTS = {"launcher": "processes", "sweeper": "grid"}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The chosen launcher and sweeper of a sweep."""

    launcher: Launcher
    sweeper: Sweeper


def split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate the overrides of the jobs from those of the sweep."""
    own = [word for word in words if word.partition("=")[0].partition(".")[0] in OF_A_SWEEP]
    return [word for word in words if word not in own], own


def settings(words: Sequence[str], config_dir: Path | None = None, plugins: Sequence[str] = ()) -> Settings:
    """The launcher and sweeper that the sweep's own overrides choose. Raises ConfigError for an override that cannot be
    used, or a launcher whose package is missing.
    """
    sources = open_sources(config_dir)
    parsed = [parse(text) for text in words]
    for word in parsed:
        if word.kind != "set" or word.package is not None or word.holds_several:
            raise ConfigError(f"'{word.text}': write KEY=VALUE, such as launcher=processes launcher.workers=4")
        if word.key in DEFAULTS:
            vet_choice(word, sources)
    config = {group: _node(sources, group, parsed) for group in DEFAULTS}
    check(config, Settings, plugins)
    return Settings(**{group: build(node) for group, node in config.items()})


def _node(sources: Sources, group: str, words: Sequence[Word]) -> dict[str, Any]:
    chosen = [word.value for word in words if word.key == group]
    option = chosen[-1] if chosen else DEFAULTS[group]
    node = dict(sources.node(group, option))
    return node | {word.key.removeprefix(f"{group}."): word.value for word in words if word.key.startswith(f"{group}.")}
