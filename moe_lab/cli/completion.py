"""Shell completion of overrides, groups, data sets and run folders. It reads files only: torch and Hydra are not
imported.

zsh and fish pass ``gate=att`` as one word and expect whole words. bash splits words at ``=``: it passes ``gate``, ``=``
and ``att`` separately and expects what follows the ``=``. Typer drops the ``=`` if the cursor is right behind it.
Between quotes bash behaves like the others.
"""

import os
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from moe_lab.config.outline import Outline

Complete = Callable[[typer.Context, str], Iterable[str]]


def _silent(complete: Complete) -> Complete:
    """``complete``, which returns nothing if it raises: a traceback would be printed into the prompt."""

    @wraps(complete)
    def silent(ctx: typer.Context, incomplete: str) -> list[str]:
        try:
            return list(complete(ctx, incomplete))
        except Exception:
            return []

    return silent


@_silent
def complete_word(ctx: typer.Context, incomplete: str) -> list[str]:
    """KEY= and KEY=VALUE that fit the overrides before."""
    from moe_lab.config.outline import outline

    words = _glued(ctx.params.get("words") or [])
    if ctx.parent is not None and ctx.parent.info_name == "data":
        words.insert(0, f"dataset={ctx.params['name']}")
    known = outline(words, _folder(ctx, "config_dir"))
    key, equals, value = incomplete.partition("=")
    if equals:
        return [f"{key}={one}" for one in _values(known, key, value, several=ctx.info_name == "sweep")]
    last, equals, value = words[-1].partition("=") if words else ("", "", "")
    if last in known.keys and not value and (incomplete or not equals):  # bash: the cursor is behind the "=" of last
        return _values(known, last, incomplete, several=ctx.info_name == "sweep")
    return _keys(known, incomplete, {word.partition("=")[0] for word in words})


def _values(known: "Outline", key: str, typed: str, several: bool) -> list[str]:
    """The texts that may follow ``key=``; the values before the last comma of a sweep's override are kept."""
    head, comma, last = typed.rpartition(",")
    if not (several and comma) or typed.startswith("["):
        return known.values(key, typed)
    return [f"{head},{one}" for one in known.values(key, last) if one not in head.split(",")]


def _keys(known: "Outline", start: str, given: set[str]) -> list[str]:
    """``KEY=`` for each key that begins with ``start``; if there is only one, also its values.

    A shell adds a space after a single proposal, but none after the common start of several.
    """
    keys = [key for key in known.keys if key.startswith(start) and key not in given and (start or "." not in key)]
    if len(keys) != 1:
        return [f"{key}=" for key in keys]
    values = [f"{keys[0]}={value}" for value in known.values(keys[0])]
    return values if len(values) > 1 else [f"{keys[0]}=", *values]


@_silent
def complete_group(ctx: typer.Context, incomplete: str) -> list[str]:
    """The groups that `moe-lab list` takes."""
    from moe_lab.config.sources import open_sources

    return [*open_sources(_folder(ctx, "config_dir")).groups, "metric"]


@_silent
def complete_option(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the options of the group that was typed before, or of the metrics."""
    from moe_lab.config.sources import open_sources

    if (group := ctx.params["group"]) == "metric":
        from moe_lab.metrics import METRICS

        return list(METRICS)
    return open_sources(_folder(ctx, "config_dir")).options(group)


@_silent
def complete_topic(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names that `moe-lab explain` takes, and the options of a group after its ``=``."""
    from moe_lab.cli.topics import names
    from moe_lab.config.sources import open_sources

    group, equals, _ = incomplete.partition("=")
    folder = _folder(ctx, "config_dir")
    return [f"{group}={option}" for option in open_sources(folder).options(group)] if equals else names(folder)


@_silent
def complete_study(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of studies."""
    from moe_lab.config.sources import open_sources

    return open_sources(_folder(ctx, "config_dir")).options("study")


@_silent
def complete_dataset(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of data sets."""
    from moe_lab.config.sources import open_sources

    return open_sources(_folder(ctx, "config_dir")).options("dataset")


@_silent
def complete_filter(ctx: typer.Context, incomplete: str) -> list[str]:
    """The filters that `moe-lab runs` takes: status, kind, headline metrics, and every key and value of a config."""
    from moe_lab.config.outline import outline
    from moe_lab.store.listing import METRICS, WHEN
    from moe_lab.store.status import STATES

    key, equals, value = incomplete.partition("=")
    if equals and key == "status":
        return [f"status={state}" for state in STATES if state.startswith(value)]
    known = outline([])
    if equals:
        return [f"{key}={one}" for one in _values(known, key, value, several=True)]
    folders = [f"{path}" for path in sorted(Path().glob(f"{incomplete}*")) if path.is_dir()] if incomplete else []
    own = [
        name for name in ("status=", *(f"{one}<" for one in (*METRICS[1:], *WHEN[:2]))) if name.startswith(incomplete)
    ]
    return [*folders, *own, *_keys(known, incomplete, set())]


@_silent
def complete_metrics(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of metrics after the last comma."""
    from moe_lab.metrics import METRICS

    head, comma, last = incomplete.rpartition(",")
    given = head.split(",")
    return [f"{head}{comma}{name}" for name in METRICS if name.startswith(last) and name not in given]


@_silent
def complete_rows(ctx: typer.Context, incomplete: str) -> list[str]:
    """Arms after the last comma, each by a choice in which the given runs differ: ``gate=softmax``."""
    from moe_lab.cli.tables import text
    from moe_lab.store.listing import run_row
    from moe_lab.store.run import runs_at

    head, comma, last = incomplete.rpartition(",")
    # an option without its value ends the parsing of a prompt before its arguments
    paths = [Path(one) for one in ctx.params.get("paths") or ctx.args]
    unreadable: list[str] = []
    rows = [run_row(run, run.name, unreadable.append) for run in runs_at(paths)]
    made = [{**row["options"], **row["choices"]} for row in rows]
    arms = {
        text({key: value})
        for one in made
        for key, value in one.items()
        if key != "seed" and any(other.get(key) != value for other in made)
    }
    return [f"{head}{comma}{arm}" for arm in sorted(arms) if arm.startswith(last) and arm not in head.split(",")]


@_silent
def complete_format(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the formats that traces are imported from."""
    from moe_lab.experiment.importers.formats import FORMATS

    return sorted(FORMATS)


@_silent
def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Run folders that begin with the typed text; before a folder is typed, those of --runs as well."""
    from moe_lab.store.folders import RUNS

    head = incomplete[: incomplete.rfind("/") + 1]
    heads = [head] if head else ["", f"{_folder(ctx, 'runs') or RUNS}/"]
    found = [f"{one}{file.parent.name}" for one in heads for file in sorted(Path(one).glob("*/status.json"))]
    given = {str(path) for path in ctx.params.get("paths") or []}
    return [path for path in found if path not in given]


def _folder(ctx: typer.Context, name: str) -> Path | None:
    """The folder of an option as typed in the prompt: ``~`` is not expanded yet, and bash splits ``--runs=DIR``."""
    folder = ctx.params.get(name)
    if str(folder) == "=":
        typed = os.environ["COMP_WORDS"].split("\n")
        folder = typed[typed.index(f"--{name.replace('_', '-')}") + 2]
    return Path(folder).expanduser() if folder else None


def _glued(words: list[str]) -> list[str]:
    """The words as they were typed, rejoined if bash has split them at ``=``."""
    glued: list[str] = []
    for word in words:
        if glued and (word == "=" or glued[-1].endswith("=")):
            glued[-1] += word
        else:
            glued.append(word)
    return glued
