"""The report of one run: report.md, report.html and figures/, from the files of its folder alone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from moe_lab.metrics import RunArrays
from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.reports.kit.choices import differing_choices, main_choices
from moe_lab.reports.kit.headline import BATCH_NOTE, headline, sampling_note, sampling_note_of_numbers, verdict
from moe_lab.reports.kit.page import rendered
from moe_lab.reports.kit.section import Section, write_pages
from moe_lab.reports.run.curves import History
from moe_lab.reports.run.groups import groups
from moe_lab.reports.run.place import environment_facts, moment, speed
from moe_lab.reports.run.sections import finished_sections, history_sections
from moe_lab.reports.run.target import Target, target_of
from moe_lab.reports.run.twins import beside, beside_sentence, twins_section
from moe_lab.store.run import Run, as_written

STATES = {
    "planned": "This run has not started.",
    "running": "This run was still in progress when the report was made.",
    "failed": "This run failed.",
    "interrupted": "This run was interrupted before its end.",
    "diverged": "This run diverged: its loss became NaN or infinite, and it was stopped.",
    "lost": "This run is lost: its status is running, but its process is gone.",
}

#: most classes that are named; more are only counted
SOME = 10


def write_run_report(run: Run) -> Path:
    """Write report.md, report.html and figures/ into the run's folder; the same files give the same bytes.

    Returns: the path of report.html.
    Raises: RunError if a finished run lacks a file, a file is broken, or the run is of another kind.
    """
    with as_written(run.path):
        context = _finished(run) if run.finished else unfinished(run, history_sections)
        pages = rendered("run", context)
    return write_pages(run.path, pages, context["sections"])


def _finished(run: Run) -> dict[str, Any]:
    arrays = RunArrays.from_run(run)
    target = target_of(run, arrays)
    notes = [_note(run, arrays, target), *_untested(arrays, target)]
    if run.arrays("evaluation").get("batch_dependent", False):
        notes.append(BATCH_NOTE)
    return common(run) | {
        "verdict": verdict(run.metrics, **arrays.sizes, about=target.one, beside=beside(run)),
        "headline": headline(run.metrics, **arrays.sizes),
        "groups": groups(run.metrics, **arrays.sizes),
        "sampling_note": " ".join(notes),
        "sections": finished_sections(run, arrays, target),
    }


def _note(run: Run, arrays: ClassArrays | NumberArrays, target: Target) -> str:
    if isinstance(arrays, NumberArrays):
        return sampling_note_of_numbers(arrays, target.name)
    return sampling_note(run.metrics, arrays.samples)


def _untested(arrays: ClassArrays | NumberArrays, target: Target) -> list[str]:
    """A note on classes without test samples, and its effect on bounds."""
    lacking = [name for name, tested in zip(target.names, arrays.tested_C, strict=True) if not tested]
    if not lacking or not isinstance(arrays, ClassArrays):
        return []
    tested, named = len(target.names) - len(lacking), ", ".join(lacking[:SOME])
    more = f" and {len(lacking) - SOME} more" if len(lacking) > SOME else ""
    return [
        f"The test split has no sample of {len(lacking)} of the {len(target.names)} classes: {named}{more}. These are "
        f"not measured, and bounds on information about the class are those of the other {tested}."
    ]


def unfinished(run: Run, sections: Callable[[History], list[Section]]) -> dict[str, Any]:
    """The page of a run without results. ``sections``: chapters about its history so far."""
    history = run.history_rows if _there(run, "history.csv") else []
    error = run.status.get("error")
    epochs = run.config.get("trainer", {}).get("epochs") if _there(run, "config.yaml") else None
    done = f"{len(history)} of {epochs}" if epochs else f"{len(history)}"
    sentences = [STATES.get(run.status["status"], "This run did not finish."), f"Epochs finished: {done}."]
    if error:
        sentences.append(f"It reported: {str(error).rstrip('.')}.")
    sentences.append("The test split was not evaluated, so there are no test numbers.")
    return common(run) | {
        "verdict": " ".join(sentences),
        "headline": [],
        "groups": [],
        "sampling_note": "",
        "sections": sections(history),
    }


def common(run: Run) -> dict[str, Any]:
    """The contents that all pages of trained runs share."""
    config = run.config if _there(run, "config.yaml") else {}
    environment = run.environment if _there(run, "environment.json") else {}
    return {
        "name": run.name,
        "status": run.status["status"],
        "finished": run.finished,
        "started_at": moment(run.status.get("started_at")),
        "differs": differing_choices(run.status),
        "main": main_choices(config, run.status),
        "twins": twins_section(run) if run.finished else None,
        "beside": beside_sentence(run) if run.finished else "",
        "config": yaml.safe_dump(config, sort_keys=False, allow_unicode=True),
        "environment": environment_facts(environment),
        "timing": speed(run.timing if _there(run, "timing.csv") else []),
    }


def _there(run: Run, file: str) -> bool:
    return (run.path / file).is_file()
