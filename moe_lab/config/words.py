"""Checking overrides. Those that Hydra would misread or silently accept are refused here."""

import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from moe_lab.config.layered import LAYERS, layer_and_word, vet_head
from moe_lab.config.quoting import for_shell, is_closed, mended, quoted
from moe_lab.config.sources import OF_A_SWEEP, OF_NO_RUN, Sources
from moe_lab.errors import ConfigError, did_you_mean, shown, there_are

Kind = Literal["set", "add", "delete"]
EXAMPLE = "gate=attentive k=2 'regularizer=[importance]' trainer.lr=3e-4"
#: most characters of an override; a path has at most 4096
LONGEST = 8192
_KEY = re.compile(r"[+~]*[A-Za-z_][\w$.-]*(/[A-Za-z_][\w$-]*)*(@[\w.:-]*)?", re.ASCII)
_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?|inf|nan|true|false|null", re.IGNORECASE)
_RESOLVER = re.compile(r"\$\{[^}]*:")


@dataclass(frozen=True)
class Word:
    """A parsed override ``key=value``; ``text`` is the override as it was typed."""

    text: str
    key: str
    value: Any
    kind: Kind = "set"
    package: str | None = None
    holds_several: bool = False


def unreadable(text: str, reason: str, *, several: bool) -> str:
    """The message for an override that Hydra's grammar cannot read, and what to write instead.

    reason:  the parser's message.
    several: whether the override may have several values, as in a sweep.

    The override that the message advises has been read by the grammar.
    """
    key, _, value = text.partition("=")
    example = f"; for example: {EXAMPLE}"
    if not _KEY.fullmatch(key):
        return (
            f"'{key}' is no key: it has letters a to z, digits, '_', '.' and '/', and no blanks before its '='{example}"
        )
    if value[:1] in ("[", "{") and not is_closed(value):
        return f"'{value[0]}' is not closed; a shell splits words at blanks unless they are quoted{example}"
    if value.startswith("="):
        return f"one '=' is enough{example}"
    if value[:1] in ("'", '"'):
        return f"its quotes do not match{example}"
    if re.search(r"(^|,)\s*(,|$)", value):
        return f"a value is missing beside its ','{example}"
    if "integer string conversion" in reason:
        return "the number is too large"
    advice = mended(key, value, several=several)
    shown = f": {for_shell(key, advice)}" if advice is not None else example
    if " while evaluating " in reason:
        return f"{reason.partition(': ')[2]}; what is meant as text must be quoted{shown}"
    return f"text with a blank, a letter beyond ASCII such as ö, or a sign such as = , : ( ~ must be quoted{shown}"


def vet(word: Word, sources: Sources) -> None:
    """Check an override. Raises ConfigError, one line, if it cannot be used. Values are checked later, against
    signatures."""
    if found := layer_and_word(word.text):
        of_layer = replace(word, text=found[1], key=word.key.removeprefix(f"{LAYERS}.{found[0]}."))
        vet_head(word.text, of_layer.key)
        vet(of_layer, sources)
        return
    _vet_form(word, sources)
    if word.key in sources.groups:
        vet_choice(word, sources)
    else:
        _vet_key(word, sources)


def _vet_form(word: Word, sources: Sources) -> None:
    if not word.key:
        raise ConfigError(f"'{word.text}' has no key: write KEY=VALUE, such as {EXAMPLE}")
    if re.match(r"hydra\b", word.key):
        raise ConfigError(f"'{word.text}': hydra.* overrides are not used; see `moe-lab --help` for options")
    if word.key.partition(".")[0] in OF_A_SWEEP:
        raise ConfigError(
            f"'{word.text}' is about how a sweep runs: use it with `moe-lab sweep`, not with a single run"
        )
    if word.key.partition(".")[0] in OF_NO_RUN:
        raise ConfigError(f"'{word.text}': a study is a command of its own: moe-lab study {word.value}")
    if word.kind == "delete":
        raise ConfigError(f"'{word.text}': nothing can be removed from a config.{_empty_choice(word.key, sources)}")
    if word.kind == "add":
        bare = word.text.lstrip("+")
        raise ConfigError(f"'{word.text}': '+' adds keys that no part knows; to set a key that there is, write {bare}")
    if word.package is not None:
        raise ConfigError(f"'{word.text}': an option has one place, so no '@' is needed: write {word.key}=NAME")
    if _RESOLVER.search(word.text):
        raise ConfigError(
            f"'{word.text}': a resolver such as oc.env would copy this machine's state into the stored config; "
            "write the value itself, or refer to another key as in k=${experts.count}"
        )
    if word.holds_several:
        raise ConfigError(
            f"{word.text} holds several values; a run takes one, and `moe-lab sweep` each of them."
            + _as_list(word, sources)
        )


def vet_choice(word: Word, sources: Sources) -> None:
    """Raises ConfigError if an override does not choose an existing option of its group, or a list of them if the group
    takes several."""
    group, value = word.key, word.value
    options = sources.options(group)
    if value is None:
        raise ConfigError(f"{word.text}: {group} cannot be null.{_empty_choice(group, sources)}")
    if isinstance(value, dict):
        raise ConfigError(f"{word.text}: choose by name, then set keys such as {group.replace('/', '.')}.KEY=VALUE")
    if isinstance(value, list) and group not in sources.several:
        raise ConfigError(f"{word.text}: {group} takes one, not a list.{there_are(options)}")
    chosen = value if isinstance(value, list) else [value]
    for option in chosen:
        if option is None or isinstance(option, dict | list):
            raise ConfigError(f"{word.text}: takes names.{there_are(options)}")
        _vet_option(group, option, sources)
    if len(set(chosen)) < len(chosen):
        raise ConfigError(f"{word.text}: names one twice")


def _vet_option(group: str, option: Any, sources: Sources) -> None:
    """Raises ConfigError if the group has no such option. A number is probably meant for a key, which the message then
    names."""
    try:
        sources.check_option(group, str(option))
    except ConfigError as error:
        if isinstance(option, str):
            raise
        keys = f"{group}s.NAME.KEY" if group in sources.several else f"{group.replace('/', '.')}.KEY"
        raise ConfigError(f"{error}; a number is the value of a key, {keys}={shown(option)}") from None


def _vet_key(word: Word, sources: Sources) -> None:
    as_group = word.key.replace(".", "/")
    if as_group in sources.groups and not isinstance(word.value, dict):
        options = there_are(sources.options(as_group))
        raise ConfigError(f"{word.text}: choose a part by its group: write {as_group}=NAME.{options}")
    if word.key in sources.mappings:
        group = sources.mappings[word.key]
        raise ConfigError(f"{word.text}: choose with {group}=[NAME].{there_are(sources.options(group))}")
    if "/" in word.key:
        dotted = word.key.replace("/", ".")
        near = did_you_mean(word.key, [group for group in sources.groups if "/" in group])
        raise ConfigError(f"no group named '{word.key}'.{near} A key has dots: {dotted}")


def _empty_choice(key: str, sources: Sources) -> str:
    if key in sources.several:
        return f" For none at all write {key}=[]"
    if key in sources.groups:
        return there_are(sources.options(key))
    return ""


def _as_list(word: Word, sources: Sources) -> str:
    value = word.text.partition("=")[2]
    if word.key not in sources.groups and "(" not in value and not all(map(_NUMBER.fullmatch, value.split(","))):
        return f" To mean one text, quote it: {for_shell(word.key, quoted(value))}"
    if word.key in sources.several and "(" not in word.text:
        return f" For all of them at once write {word.key}=[{value}]"
    return ""
