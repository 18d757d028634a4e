"""Composing a config with Hydra. The one module that touches Hydra's inside; Hydra is imported only when it is used."""

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from moe_lab.config.explain import Choices, Config, explain, leaves
from moe_lab.config.layered import LAYERS, NETWORK, layer_and_word, split, with_layers
from moe_lab.config.sources import Sources, open_sources
from moe_lab.config.words import EXAMPLE, LONGEST, Kind, Word, unreadable, vet
from moe_lab.errors import ConfigError, cut

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override

MISSING = "???"
#: values of one word of a sweep, and combinations: the plan of more jobs would be larger than a file that is read back
MOST_VALUES = 50_000


def compose(words: Sequence[str], config_dir: Path | None = None) -> Config:
    """The whole config that ``words`` choose, in plain values, no interpolation left.

    Raises ConfigError with one line where a word cannot be used. Types and ranges are check.py's business.
    HYDRA_FULL_ERROR=1 lets Hydra's own errors through.
    """
    config, _ = compose_leniently(words, config_dir)
    for key, value in leaves(config):
        if value == MISSING:
            raise ConfigError(f"{key} must be given: add {key}=VALUE")
    return config


def choices(words: Sequence[str], config_dir: Path | None = None) -> Choices:
    """Group -> the option that ``words`` choose, or the list of them where a group takes several at once."""
    return compose_leniently(words, config_dir)[1]


def groups(config_dir: Path | None = None) -> list[str]:
    """Sorted names of all groups, such as gate and gate/score."""
    return open_sources(config_dir).groups


def options(group: str, config_dir: Path | None = None) -> list[str]:
    """Sorted names of a group's options. Raises ConfigError where there is no such group."""
    return open_sources(config_dir).options(group)


def compose_leniently(words: Sequence[str], config_dir: Path | None = None) -> tuple[Config, Choices]:
    """Config and choices; a key that must be given but was not holds '???'. For comparing options."""
    sources = open_sources(config_dir)
    return copy.deepcopy(_composed(tuple(words), sources, sources.stamp()))


@lru_cache(maxsize=512)
def _composed(words: tuple[str, ...], sources: Sources, stamp: int) -> tuple[Config, Choices]:
    """Composed once as long as no file of the sources changes: Hydra takes a tenth of a second."""
    every = [parse(word) for word in words]
    for word in every:
        vet(word, sources)
    plain, layered = split(words)
    words, parsed = tuple(plain), [word for word in every if word.text in plain]
    try:
        composed = _fitting(words, sources, stamp)
    except Exception as error:
        # Hydra's and OmegaConf's own, and what their parsers and mergers raise besides
        if _wants_full_error():
            raise
        too_deep = f"{cut(max(words, key=len))}: too deep to be a value"
        reason = too_deep if isinstance(error, RecursionError) else _reason(error)
    else:
        return (
            with_layers(composed, words, layered, lambda some: _composed(some, sources, stamp)) if layered else composed
        )
    try:
        text = explain(parsed, sources, lambda some: _load(tuple(word.text for word in some), sources, stamp))
    except Exception:
        text = None
    raise ConfigError(text or reason)


def _fitting(words: tuple[str, ...], sources: Sources, stamp: int) -> tuple[Config, Choices]:
    """Composed, with the score that fits a mixture layer if gates are those of one."""
    composed = _load(words, sources, stamp)
    fitting = words if composed[0].get(NETWORK) is None else linear_score(words, composed[1])
    return composed if fitting == words else _load(fitting, sources, stamp)


def linear_score(words: tuple[str, ...], chosen: Choices) -> tuple[str, ...]:
    """The words of a mixture layer: a gate whose own score is ``network`` takes ``linear``, unless a word chooses
    another, because a layer inside a network sees features already."""
    typed = any(parse(word).key.startswith("gate/score") for word in words)
    return words if typed or chosen.get("gate/score") != "network" else (*words, "gate/score=linear")


def parse(text: str) -> Word:
    """A word as Hydra's grammar reads it. Raises ConfigError where it cannot be read."""
    from hydra.core.override_parser.types import OverrideType, ValueType

    if found := layer_and_word(text):
        word = parse(found[1])
        return replace(word, text=text, key=f"{LAYERS}.{found[0]}.{word.key}")
    override = _override(text)
    kinds: dict[OverrideType | None, Kind] = {OverrideType.CHANGE: "set", OverrideType.DEL: "delete"}
    kind = kinds.get(override.type, "add")
    several = override.value_type not in (None, ValueType.ELEMENT)
    with _readable(text):
        value = None if several else override.value()
    return Word(text, override.key_or_group, value, kind, override.package, several)


def expand(text: str, sources: Sources) -> list[str]:
    """The words of one value each that a word stands for in Hydra's sweep grammar: ``k=1,2``, ``seed=range(0,10)``,
    ``gate=glob(*)``, ``choice``, ``sort`` and ``shuffle``; itself, where it has one value.

    Raises ConfigError where it cannot be read, or has no list of values or one that is too long.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if found := layer_and_word(text):
        return [f"{LAYERS}.{found[0]}.{one}" for one in expand(found[1], sources)]
    override = _override(text, _Options(sources))
    if not override.is_sweep_override():
        return [text]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{text} is no list of values: a grid needs one, such as {override.key_or_group}=1,2, "
            "and an interval sweeper=optuna"
        )
    with _readable(text):
        _check_list(override.value(), text)
        [jobs] = BasicSweeper.split_arguments([override], None)
    if not jobs:
        raise ConfigError(f"{text} has no value")
    return [word for [word] in jobs]


def _check_list(found: Any, text: str) -> None:
    """Raises ConfigError if a list of values is longer than MOST_VALUES, or holds another list."""
    from hydra.core.override_parser.types import ChoiceSweep, RangeSweep, Sweep

    if isinstance(found, RangeSweep) and found.start is not None and found.stop is not None:
        step, width = found.step, found.stop - found.start
        if step == 0 or not width / step <= MOST_VALUES:
            raise ConfigError(f"{text}: has more than {MOST_VALUES} values")
    if isinstance(found, ChoiceSweep) and any(isinstance(one, Sweep) for one in found.list):
        raise ConfigError(
            f"{cut(text)}: a list of values cannot hold another list, such as range(0,3) beside 5: write each value, "
            f"as in {text.partition('=')[0]}=0,1,2,5"
        )


@contextmanager
def _readable(text: str) -> Iterator[None]:
    """Whatever Hydra's grammar raises over a word is a ConfigError that says what to write instead."""
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        # Hydra's and OmegaConf's own, and what their parsers, casts and comparisons raise besides
        if _wants_full_error():
            raise
        reason = _reason(error).removeprefix(f"Error parsing override '{text}' ")
        raise ConfigError(f"'{cut(text)}' cannot be read: {unreadable(text, reason)}") from None


@dataclass(frozen=True)
class Interval:
    """``key=interval(low,high)``; ``log`` where it is tagged so, ``whole`` for integers."""

    text: str
    key: str
    low: float
    high: float
    log: bool
    whole: bool


def interval(text: str) -> Interval | None:
    """The interval that a word stands for in Hydra's sweep grammar; None where it is another word."""
    from hydra.core.override_parser.types import IntervalSweep

    override = _override(text)
    with _readable(text):
        found = override.value() if override.is_interval_sweep() else None
    if not isinstance(found, IntervalSweep) or found.start is None or found.end is None:
        return None
    whole = isinstance(found.start, int) and isinstance(found.end, int)
    return Interval(text, override.key_or_group, found.start, found.end, "log" in found.tags, whole)


class _Options:
    """What Hydra's ``glob`` asks a loader of configs for: the options of a group."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def get_group_options(self, group: str, results_filter: object) -> list[str]:
        if group not in self._sources.groups:
            raise ConfigError(f"{group}=glob(...): glob takes options of a group, and {group} is none")
        return self._sources.options(group)


def _override(text: str, loader: _Options | None = None) -> "Override":
    from hydra.core.override_parser.overrides_parser import OverridesParser

    if len(text.splitlines()) != 1 or not ("=" in text or text.startswith("~")):
        raise ConfigError(f"'{cut(text)}' is not KEY=VALUE; for example: {EXAMPLE}")
    if len(text) > LONGEST:
        raise ConfigError(f"'{cut(text)}' has {len(text)} characters: a word has at most {LONGEST}")
    with _readable(text):
        [override] = OverridesParser.create(cast("ConfigLoader", loader)).parse_overrides([text])
    return override


@contextmanager
def _hydra(sources: Sources) -> Iterator[None]:
    """Hydra over the built-in folder, whatever else the process does with Hydra."""
    from hydra import __version__, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    # Hydra 1.3 wants to be told which behaviour is meant, later ones want not to be
    meant = {"version_base": "1.3"} if __version__.startswith("1.3.") else {}
    outer = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(sources.folders[0]), job_name="moe_lab", **meant):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


@lru_cache(maxsize=64)
def _load(words: tuple[str, ...], sources: Sources, stamp: int) -> tuple[Config, Choices]:
    """Kept, because explaining what is wrong composes parts of the same words.

    Several-at-once parts come last, and sorted by name: losses are summed in that order, whatever order they were typed
    in."""
    from hydra import compose as hydra_compose
    from omegaconf import OmegaConf, open_dict

    with _hydra(sources):
        composed = hydra_compose("config", [*_search_path(sources), *words], return_hydra_config=True)
    chosen = composed.hydra.runtime.choices
    with open_dict(composed):
        del composed["hydra"]
    config = cast(Config, OmegaConf.to_container(composed, resolve=True))
    config = _in_order(config)
    parts = {mapping: dict(sorted(config.pop(mapping).items())) for mapping in sources.mappings}
    config |= parts
    single = {group: chosen[group] for group in sources.groups if group in chosen and group not in sources.several}
    several = {group: list(config[mapping]) for mapping, group in sources.mappings.items()}
    return config, single | several


def _in_order(config: Config) -> Config:
    """With the trainer behind the recipe, where it stands in every stored config; networks choose it, so that it is
    composed before them."""
    order = [key for key in config if key != "trainer"]
    if "trainer" in config and "recipe" in config:
        order.insert(order.index("recipe") + 1, "trainer")
    return {key: config[key] for key in order} | config


def _search_path(sources: Sources) -> list[str]:
    from hydra.core.override_parser.types import Quote, QuotedString

    urls = [QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in sources.folders[1:]]
    return [f"hydra.searchpath=[{','.join(urls)}]"] if urls else []


def _reason(error: BaseException) -> str:
    """Hydra's own words on one line, without its advice and links."""
    advice = ("See https", "To append", "full_key", "object_type", "^")
    lines = [line.strip() for line in str(error).splitlines()]
    text = " ".join([line for line in lines if line and not line.startswith(advice)][:2])
    cause = error.__cause__
    if key := getattr(error, "full_key", None):
        return f"{key}: {text}"
    return f"{text}: {_reason(cause)}" if cause and str(cause) not in str(error) else text or type(error).__name__


def _wants_full_error() -> bool:
    return os.environ.get("HYDRA_FULL_ERROR") == "1"
