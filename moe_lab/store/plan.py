"""plan.json: every job of a sweep with its whole config. It is written before any job starts."""

from dataclasses import field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass

from moe_lab.errors import ConfigError, RunError
from moe_lab.store.atomic import json_text, write_text
from moe_lab.store.facts import AutoFilled, JobFacts, Option, checked
from moe_lab.store.untrusted import MOST_TEXT, Unusable, inside, read_json, read_text

PLAN = "plan.json"


@dataclass(frozen=True)
class StoredJob:
    """A job as stored in its plan: its folder's name, the words that define it, the words set aside because its config
    has no such key, the facts of its status.json, and its whole config."""

    name: str
    words: list[str]
    aside: list[str]
    key: str
    choices: dict[str, Option]
    differs: dict[str, Any]
    auto_filled: AutoFilled
    config: dict[str, Any]

    @property
    def facts(self) -> JobFacts:
        return {"key": self.key, "choices": self.choices, "differs": self.differs, "auto_filled": self.auto_filled}


@dataclass(frozen=True)
class Refused:
    """Words that choose parts which do not fit each other, and the reason."""

    words: list[str]
    reason: str


@dataclass(frozen=True)
class StoredPlan:
    """The content of plan.json; ``words`` as they were typed."""

    words: list[str]
    jobs: list[StoredJob]
    refused: list[Refused] = field(default_factory=list)


_PLAN = TypeAdapter(StoredPlan)


def read_plan(folder: Path) -> StoredPlan:
    """Read the plan of the sweep in ``folder``, without checking or composing configs. Raises RunError if it is
    damaged, and FileNotFoundError if there is no plan."""
    path = folder / PLAN
    try:
        return checked(_PLAN, read_json(read_text(inside(path))), "plan of a sweep", levels=3)
    except FileNotFoundError:
        raise
    except (OSError, Unusable) as error:
        raise RunError(f"{path} {error}") from None


def write_plan(folder: Path, plan: StoredPlan) -> None:
    """Write plan.json. Raises ConfigError if the plan would be too large to be read back."""
    jobs = [vars(job) for job in plan.jobs]
    text = json_text({"words": plan.words, "jobs": jobs, "refused": [vars(one) for one in plan.refused]})
    if len(text) > MOST_TEXT:
        raise ConfigError(
            f"the plan of {len(jobs)} jobs has {len(text)} characters, and {MOST_TEXT} can be read back: make several "
            "sweeps, each with a --name of its own"
        )
    write_text(folder / PLAN, text)
