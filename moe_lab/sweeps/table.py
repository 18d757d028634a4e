"""The table of a sweep's outcomes, one row per job."""

from collections.abc import Sequence
from typing import Any

from moe_lab.reports.arms.naming import cell, choice
from moe_lab.sweeps.folder import Outcome
from moe_lab.sweeps.plan import Planned

Row = dict[str, Any]


def job_rows(outcomes: Sequence[Outcome], jobs: Sequence[Planned]) -> list[Row]:
    """One row per job: name, state, the value of each choice in which some job differs from the default, headline
    metrics, and why the job failed. ``jobs`` are those of the outcomes, in their order."""
    choices = list(dict.fromkeys(key for one in jobs for key in one.job.differs))
    metrics = _metrics(outcomes)
    return [
        {
            "job": one.name,
            "status": one.state,
            **{key: cell(choice(key, planned.job.facts, planned.job.config)) for key in choices},
            **{name: one.headline.get(name) for name in metrics},
            "error": one.reason,
        }
        for one, planned in zip(outcomes, jobs, strict=True)
    ]


def _metrics(outcomes: Sequence[Outcome]) -> list[str]:
    """Names of the headline metrics that are numbers."""
    return list(
        dict.fromkeys(
            name for one in outcomes for name, value in one.headline.items() if isinstance(value, int | float)
        )
    )
