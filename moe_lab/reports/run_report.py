"""The report of one run: report.md, report.html and figures/, from the files of its folder alone."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from moe_lab.metrics import RunArrays
from moe_lab.reports.choices import described, differing_choices, main_choices
from moe_lab.reports.headline import headline, numbers, sampling_note, verdict
from moe_lab.reports.page import render_html, render_markdown
from moe_lab.reports.run_sections import finished_sections, history_sections
from moe_lab.store.atomic import write_text
from moe_lab.store.run import Run

ENVIRONMENT = {
    "moe_lab": "moe-lab",
    "python": "Python",
    "torch": "PyTorch",
    "numpy": "NumPy",
    "platform": "platform",
    "cpu": "CPU",
    "cores": "cores",
    "gpu": "GPU",
    "threads": "threads",
    "git_commit": "git commit",
    "git_dirty": "uncommitted changes",
    "config_hash": "config hash",
    "command": "command",
}
STATES = {
    "planned": "This run has not started.",
    "running": "This run was still going on when the report was made.",
    "failed": "This run failed.",
    "interrupted": "This run was interrupted before its end.",
    "diverged": "This run diverged: its loss became NaN or infinite, and it was stopped.",
    "lost": "This run is lost: it says that it is running, but its process is gone.",
}


def write_run_report(run: Run) -> Path:
    """Write report.md, report.html and figures/ into the run's folder; the same files give the same bytes.

    Returns: the path of report.html.
    Raises: RunError where a finished run lacks a file, or a file is broken.
    """
    context = _finished(run) if run.finished else _unfinished(run)
    for section in context["sections"]:
        for picture in section.pictures:
            picture.save(run.path)
    write_text(run.path / "report.md", render_markdown("run.md", context))
    html = run.path / "report.html"
    write_text(html, render_html("run.html", context))
    return html


def _finished(run: Run) -> dict[str, Any]:
    arrays = RunArrays.from_run(run)
    sizes = {"experts": arrays.experts, "classes": arrays.classes}
    return _common(run) | {
        "verdict": verdict(run.metrics, **sizes),
        "headline": headline(run.metrics, **sizes),
        "numbers": numbers(run.metrics, **sizes),
        "sampling_note": sampling_note(run.metrics, arrays.samples),
        "sections": finished_sections(run, arrays),
    }


def _unfinished(run: Run) -> dict[str, Any]:
    history = run.history if _there(run, "history.csv") else []
    error = run.status.get("error")
    epochs = run.config.get("trainer", {}).get("epochs") if _there(run, "config.yaml") else None
    done = f"{len(history)} of {epochs}" if epochs else f"{len(history)}"
    sentences = [STATES.get(run.status["status"], "This run did not finish."), f"Epochs finished: {done}."]
    if error:
        sentences.append(f"It reported: {str(error).rstrip('.')}.")
    sentences.append("The test split was not evaluated, so there are no test numbers.")
    return _common(run) | {
        "verdict": " ".join(sentences),
        "headline": [],
        "numbers": [],
        "sampling_note": "",
        "sections": history_sections(history),
    }


def _common(run: Run) -> dict[str, Any]:
    config = run.config if _there(run, "config.yaml") else {}
    environment = run.environment if _there(run, "environment.json") else {}
    return {
        "name": run.name,
        "status": run.status["status"],
        "finished": run.finished,
        "started_at": _moment(run.status.get("started_at")),
        "differs": differing_choices(run.status),
        "main": main_choices(config, run.status),
        "config": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        "environment": {
            label: described(environment[key])
            for key, label in ENVIRONMENT.items()
            if environment.get(key) is not None
        },
        "timing": _timing(run),
    }


def _moment(stamp: str | None) -> str | None:
    """``2026-01-02T03:04:05+00:00`` as a reader has it: ``2026-01-02 03:04 UTC``."""
    return None if stamp is None else f"{datetime.fromisoformat(stamp).astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _timing(run: Run) -> str:
    """Samples per second of the median epoch, which one slow epoch does not move, and the time of all epochs."""
    rows = run.timing if _there(run, "timing.csv") else []
    speeds = sorted(row["samples_per_second"] for row in rows if row.get("samples_per_second") is not None)
    if not speeds:
        return "No epoch was timed."
    seconds = sum(row["seconds"] or 0.0 for row in rows)
    return (
        f"{speeds[len(speeds) // 2]:,.0f} training samples per second (median epoch); "
        f"{seconds:,.1f} seconds for {len(rows)} epoch{'s' if len(rows) != 1 else ''}."
    )


def _there(run: Run, file: str) -> bool:
    return (run.path / file).is_file()
