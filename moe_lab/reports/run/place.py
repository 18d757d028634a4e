"""The time, speed and machine of a run."""

import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moe_lab.reports.kit.choices import described

#: groups of environment.json whose entries need no prefix
_PLAIN = ("versions", "variables")


def moment(stamp: str | None) -> str | None:
    """``2026-01-02T03:04:05+00:00`` for readers: ``2026-01-02 03:04 UTC``."""
    return None if stamp is None else f"{datetime.fromisoformat(stamp).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def speed(timing: Sequence[Mapping[str, float | None]]) -> str:
    """Samples per second of the median epoch, which is robust to slow epochs, and the time of all epochs."""
    speeds = sorted(speed for row in timing if (speed := row.get("samples_per_second")) is not None)
    if not speeds:
        return "No epoch was timed."
    seconds = sum(row["seconds"] or 0.0 for row in timing)
    return (
        f"{speeds[len(speeds) // 2]:,.0f} training samples per second (median epoch); "
        f"{seconds:,.1f} seconds for {len(timing)} epoch{'s' if len(timing) != 1 else ''}."
    )


def environment_facts(environment: Mapping[str, Any]) -> dict[str, str]:
    """environment.json flattened, in its own order, without null values."""
    facts: dict[str, Any] = {}
    for key, value in environment.items():
        if isinstance(value, Mapping):
            facts |= {name if key in _PLAIN else f"{key} {name}": inner for name, inner in value.items()}
        else:
            facts[key.replace("_", " ")] = shlex.join(map(str, value)) if isinstance(value, list) else value
    return {label: described(value) for label, value in facts.items() if value is not None}
