"""What has become of a sweep's jobs, a row each."""

from collections.abc import Sequence
from typing import Any

from moe_lab.sweeps.folder import Outcome

Row = dict[str, Any]


def job_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Name, state, choices that differ from the defaults, headline metrics, and why a job failed."""
    choices = list(dict.fromkeys(key for one in outcomes for key in one.choices))
    metrics = _metrics(outcomes)
    return [
        {
            "job": one.name,
            "status": one.state,
            **{key: one.choices.get(key) for key in choices},
            **{name: one.headline.get(name) for name in metrics},
            "error": one.reason,
        }
        for one in outcomes
    ]


def _metrics(outcomes: Sequence[Outcome]) -> list[str]:
    """The headline metrics that are numbers."""
    return list(
        dict.fromkeys(
            name for one in outcomes for name, value in one.headline.items() if isinstance(value, int | float)
        )
    )
