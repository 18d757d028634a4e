"""Whose folder a study's folder is: one folder has the runs and pages of one command."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from moe_lab.errors import RunError, cut, printable
from moe_lab.store.plan import read_plan
from moe_lab.store.untrusted import Unusable, inside, read_json, read_text
from moe_lab.sweeps.studies.file import StudyFile
from moe_lab.sweeps.studies.study import Study

_MADE_BY = "moe-lab study "


def command_of(study: Study, *, quick: bool) -> str:
    """The shortest command that makes this study: the same for words in another order, and for defaults that are typed
    or left out. Words of launchers are not part of it."""
    facts = {"choices": study.choices, "protocol": study.protocol, "grid": study.grid, "extra": study.extra}
    return _command(study.name, study.file, facts, quick=quick)


def check_place(folder: Path, study: Study, *, quick: bool) -> None:
    """Raise RunError if the plan in ``folder`` is another command's, or cannot be read."""
    try:
        words = read_plan(folder).words
    except FileNotFoundError:
        return
    ours = command_of(study, quick=quick)
    commands = [word for word in words if word.startswith(_MADE_BY)]
    # earlier versions stored the study's name only
    if not commands and words == [study.name]:
        commands = _of_pages(folder, study)
    elif not commands:
        commands = ["moe-lab sweep " + shlex.join(words)]
    if commands and commands[0] != ours:
        raise RunError(
            f"{folder} has the runs of another command, {printable(cut(commands[0]))}: give this study its own folder "
            "with --name"
        )


def _of_pages(folder: Path, study: Study) -> list[str]:
    """The command by the study.json in ``folder``; empty if it is not there or cannot be read."""
    try:
        facts = read_json(read_text(inside(folder / "study.json")))
        quick = "--quick" in shlex.split(facts["command"])
        return [_command(facts["study"], study.file, facts, quick=quick)]
    except (OSError, Unusable, LookupError, TypeError, ValueError, AttributeError):
        return []


def _command(name: str, file: StudyFile, facts: Mapping[str, Any], *, quick: bool) -> str:
    defaults = {key: next(iter(values)) for key, values in file.choices.items()}
    choices = list(facts["choices"].items())
    words = [f"{key}={value}" for at, (key, value) in enumerate(choices) if not at or value != defaults.get(key)]
    words += [f"protocol={facts['protocol']}"] if facts["protocol"] != file.protocols[0] else []
    words += ["grid=full"] if facts["grid"] == "full" else []
    extra = list(facts["extra"])[len(file.quick.words) if quick else 0 :]
    return _MADE_BY + shlex.join([name, *words, *sorted(extra), *(["--quick"] if quick else [])])
