"""Composing a config with Hydra. Only this module and quoting.py use Hydra's internals; Hydra is imported only when it
is used."""

import copy
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from moe_lab.config.explain import Choices, Config, explain, leaves
from moe_lab.config.layered import LAYERS, NETWORK, SCORE, layer_and_word, score_in_a_network, split, with_layers
from moe_lab.config.sources import Sources, open_sources
from moe_lab.config.words import EXAMPLE, LONGEST, Kind, Word, unreadable, vet
from moe_lab.errors import ConfigError, cut

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override

MISSING = "???"
#: most values of one override of a sweep, and most combinations: a plan of more jobs would be too large to be read back
MOST_VALUES = 50_000


def compose(words: Sequence[str], config_dir: Path | None = None) -> Config:
    """The whole config of the overrides ``words``, in plain values, with every interpolation resolved.

    Raises ConfigError with one line if an override cannot be used. Types and ranges are checked by check.py.
    HYDRA_FULL_ERROR=1 lets Hydra's own errors through.
    """
    config, _ = compose_leniently(words, config_dir)
    for key, value in leaves(config):
        if value == MISSING:
            raise ConfigError(f"{key} must be given: add {key}=VALUE")
    return config


def choices(words: Sequence[str], config_dir: Path | None = None) -> Choices:
    """Group -> the option that the overrides choose, or the list of them if a group takes several at once."""
    return compose_leniently(words, config_dir)[1]


def groups(config_dir: Path | None = None) -> list[str]:
    """Sorted names of all groups, such as gate and gate/score."""
    return open_sources(config_dir).groups


def options(group: str, config_dir: Path | None = None) -> list[str]:
    """Sorted names of a group's options. Raises ConfigError if there is no such group."""
    return open_sources(config_dir).options(group)


def compose_leniently(words: Sequence[str], config_dir: Path | None = None) -> tuple[Config, Choices]:
    """Config and choices, for comparing options; a required key that was not given is '???'."""
    sources = open_sources(config_dir)
    return copy.deepcopy(_composed(tuple(words), sources, sources.stamp()))


@lru_cache(maxsize=512)
def _composed(words: tuple[str, ...], sources: Sources, stamp: int) -> tuple[Config, Choices]:
    """Config and choices, cached until a file of the sources changes, because Hydra takes a tenth of a second."""
    every = [parse(word) for word in words]
    for word in every:
        vet(word, sources)
    plain, layered = split(words)
    words, parsed = tuple(plain), [word for word in every if word.text in plain]
    try:
        composed = _fitting(words, sources, stamp)
    except Exception as error:
        # Hydra's and OmegaConf's own exceptions, and others that their parsers and mergers raise
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
    """Config and choices; if the gates are those of mixture layers, with a score that fits them."""
    composed = _load(words, sources, stamp)
    score = composed[1].get(SCORE)
    typed = any(parse(word).key.startswith(SCORE) for word in words)
    if composed[0].get(NETWORK) is None or typed or not isinstance(score, str):
        return composed
    fitting = score_in_a_network(score)
    return composed if fitting == score else _load((*words, f"{SCORE}={fitting}"), sources, stamp)


def parse(text: str) -> Word:
    """Parse an override by Hydra's grammar. Raises ConfigError if it cannot be read."""
    from hydra.core.override_parser.types import OverrideType, ValueType

    if found := layer_and_word(text):
        word = parse(found[1])
        return replace(word, text=text, key=f"{LAYERS}.{found[0]}.{word.key}")
    override = _override(text, several=False)
    kinds: dict[OverrideType | None, Kind] = {OverrideType.CHANGE: "set", OverrideType.DEL: "delete"}
    kind = kinds.get(override.type, "add")
    several = override.value_type not in (None, ValueType.ELEMENT)
    with _readable(text, several=False):
        value = None if several else override.value()
    return Word(text, override.key_or_group, value, kind, override.package, several)


def expand(text: str, sources: Sources) -> list[str]:
    """The overrides of one value each that an override stands for in Hydra's sweep grammar: ``k=1,2``,
    ``seed=range(0,10)``, ``gate=glob(*)``, ``choice``, ``sort`` and ``shuffle``; the override itself if it has one
    value.

    Raises ConfigError if the override cannot be read, or its list of values is empty or too long.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    if found := layer_and_word(text):
        return [f"{LAYERS}.{found[0]}.{one}" for one in expand(found[1], sources)]
    override = _override(text, _Options(sources), several=True)
    if not override.is_sweep_override():
        return [text]
    if not override.is_discrete_sweep():
        raise ConfigError(
            f"{text} is no list of values: a grid needs one, such as {override.key_or_group}=1,2, "
            "and an interval sweeper=optuna"
        )
    with _readable(text, several=True):
        _check_list(override.value(), text)
        [jobs] = BasicSweeper.split_arguments([override], None)
    if not jobs:
        raise ConfigError(f"{text} has no value")
    return [word for [word] in jobs]


def _check_list(found: Any, text: str) -> None:
    """Raises ConfigError if a list of values is longer than MOST_VALUES, or contains another list."""
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
def _readable(text: str, *, several: bool) -> Iterator[None]:
    """Turn any exception of Hydra's grammar within the block into a ConfigError that says what to write instead, of one
    value or of ``several``, as in a sweep.
    """
    try:
        yield
    except ConfigError:
        raise
    except Exception as error:
        # Hydra's and OmegaConf's own exceptions, and others that their parsers, casts and comparisons raise
        if _wants_full_error():
            raise
        reason = _reason(error).removeprefix(f"Error parsing override '{text}' ")
        raise ConfigError(f"'{cut(text)}' cannot be read: {unreadable(text, reason, several=several)}") from None


@dataclass(frozen=True)
class Interval:
    """``key=interval(low,high)``; ``log`` if it has the tag log, ``whole`` for integers."""

    text: str
    key: str
    low: float
    high: float
    log: bool
    whole: bool


def interval(text: str) -> Interval | None:
    """The interval that an override stands for in Hydra's sweep grammar; None for any other override."""
    from hydra.core.override_parser.types import IntervalSweep

    override = _override(text, several=True)
    with _readable(text, several=True):
        found = override.value() if override.is_interval_sweep() else None
    if not isinstance(found, IntervalSweep) or found.start is None or found.end is None:
        return None
    whole = isinstance(found.start, int) and isinstance(found.end, int)
    return Interval(text, override.key_or_group, found.start, found.end, "log" in found.tags, whole)


class _Options:
    """The part of a config loader that Hydra's ``glob`` uses: the options of a group."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def get_group_options(self, group: str, results_filter: object) -> list[str]:
        if group not in self._sources.groups:
            raise ConfigError(f"{group}=glob(...): glob takes options of a group, and {group} is none")
        return self._sources.options(group)


def _override(text: str, loader: _Options | None = None, *, several: bool) -> "Override":
    from hydra.core.override_parser.overrides_parser import OverridesParser

    if len(text.splitlines()) != 1 or not ("=" in text or text.startswith("~")):
        raise ConfigError(f"'{cut(text)}' is not KEY=VALUE; for example: {EXAMPLE}")
    if len(text) > LONGEST:
        raise ConfigError(f"'{cut(text)}' has {len(text)} characters: an override has at most {LONGEST}")
    with _readable(text, several=several):
        [override] = OverridesParser.create(cast("ConfigLoader", loader)).parse_overrides([text])
    return override


@contextmanager
def _hydra(sources: Sources) -> Iterator[None]:
    """Initialize Hydra with the built-in folder; any other Hydra state of the process is restored afterwards."""
    from hydra import __version__, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    # Hydra 1.3 expects version_base to be given, later versions expect it to be left out
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
    """Config and choices, cached because the explanation of an error composes subsets of the same overrides.

    Parts of several-at-once groups come last, sorted by name: losses are summed in that order, independent of the order
    of the overrides.
    """
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
    """The config with the trainer moved behind the recipe, its place in every stored config. Networks choose a trainer,
    so Hydra composes it before them."""
    order = [key for key in config if key != "trainer"]
    if "trainer" in config and "recipe" in config:
        order.insert(order.index("recipe") + 1, "trainer")
    return {key: config[key] for key in order} | config


def _search_path(sources: Sources) -> list[str]:
    from hydra.core.override_parser.types import Quote, QuotedString

    urls = [QuotedString(f"file://{folder}", Quote.single).with_quotes() for folder in sources.folders[1:]]
    return [f"hydra.searchpath=[{','.join(urls)}]"] if urls else []


def _reason(error: BaseException) -> str:
    """Hydra's own message on one line, without its advice and links."""
    advice = ("See https", "To append", "full_key", "object_type", "^")
    lines = [line.strip() for line in str(error).splitlines()]
    text = " ".join([line for line in lines if line and not line.startswith(advice)][:2])
    cause = error.__cause__
    if key := getattr(error, "full_key", None):
        return f"{key}: {text}"
    return f"{text}: {_reason(cause)}" if cause and str(cause) not in str(error) else text or type(error).__name__


def _wants_full_error() -> bool:
    return os.environ.get("HYDRA_FULL_ERROR") == "1"
