"""Runs side by side: one table, the curves on top of each other, and what is not yet known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from moe_lab.errors import RunError
from moe_lab.reports.choices import across
from moe_lab.reports.compare_curves import accuracies, losses, rmses
from moe_lab.reports.compare_experts import X, Y, information, loads
from moe_lab.reports.entry import Entry
from moe_lab.reports.headline import LABELS
from moe_lab.reports.numbers import NONE
from moe_lab.reports.page import render_html, render_markdown
from moe_lab.reports.picture import Picture
from moe_lab.reports.section import Section
from moe_lab.reports.style import colours
from moe_lab.store.atomic import write_csv, write_text
from moe_lab.store.run import Run

CAUTION = (
    "Each run is one seed (n = 1 a run). A difference between single runs is no result yet: another seed may turn it "
    "round. Train every arm with the same several seeds before you believe one."
)
OTHER_DATA = " These runs are on different data sets: error and information cannot be compared between them."


def comparison(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """A row a run: key, run (its name), status, the choices in which the runs differ, and the headline metrics.

    Values are those of metrics.json, with the unit in the metric's name; None where a run has none. Choices that all
    runs share are left out. Raises: RunError where there is no run, or a finished run lacks a file.
    """
    entries = _entries(runs)
    _, differing = _choices(entries)
    return _rows(entries, differing)


def write_comparison(runs: Sequence[Run], claim: Callable[[], Path]) -> Path:
    """Write report.md, report.html, table.csv and figures/ into the folder that ``claim`` makes once everything has
    been read; returns the path of report.html.

    Raises: RunError as ``comparison`` does, and then claims no folder.
    """
    entries = _entries(runs)
    same, differing = _choices(entries)
    pictures = _pictures(entries)
    context = {
        "entries": entries,
        "caution": CAUTION + (OTHER_DATA if "dataset" in differing else ""),
        "states": _states(entries),
        "same": same,
        "differing": differing,
        "metrics": _metric_rows(entries),
        "reasons": _reasons(entries),
        "sections": [Section("Side by side", pictures)] if pictures else [],
    }
    pages = render_markdown("comparison.md", context), render_html("comparison.html", context)
    out = claim()
    for picture in pictures:
        picture.save(out)
    write_csv(out / "table.csv", _rows(entries, differing))
    for name, text in zip(("report.md", "report.html"), pages, strict=True):
        write_text(out / name, text)
    return out / "report.html"


def _pictures(entries: Sequence[Entry]) -> tuple[Picture, ...]:
    """The figures for which at least one run has the numbers."""
    trained = [entry for entry in entries if entry.history]
    classifying, regressing = ([e for e in trained if e.has(f"train_{name}")] for name in ("error_rate", "rmse_sd"))
    routed = [entry for entry in entries if entry.arrays is not None and entry.arrays.routed_count]
    informed = [entry for entry in routed if entry.value(X) is not None and entry.value(Y) is not None]
    return (
        *((accuracies(classifying),) if classifying else ()),
        *((rmses(regressing),) if regressing else ()),
        *((losses(trained),) if trained else ()),
        *((loads(routed),) if routed else ()),
        *((information(informed),) if informed else ()),
    )


def _entries(runs: Sequence[Run]) -> list[Entry]:
    if not runs:
        raise RunError("there is no run to compare; `moe-lab runs` lists what there is")
    keys = ascii_uppercase if len(runs) <= len(ascii_uppercase) else [str(n + 1) for n in range(len(runs))]
    return [Entry(key, colour, run) for key, colour, run in zip(keys, colours(len(runs)), runs, strict=False)]


def _choices(entries: Sequence[Entry]) -> tuple[dict[str, str], dict[str, list[str]]]:
    return across([(entry.run.config, entry.run.status) for entry in entries])


def _rows(entries: Sequence[Entry], differing: dict[str, list[str]]) -> list[dict[str, Any]]:
    return [
        {"key": entry.key, "run": entry.run.name, "status": entry.run.status["status"]}
        | {choice: values[place] for choice, values in differing.items()}
        | {name: entry.value(name) for name in _labels(entries)}
        for place, entry in enumerate(entries)
    ]


def _labels(entries: Sequence[Entry]) -> dict[str, str]:
    """The metrics of the tasks that the finished runs have, each as its task calls it."""
    tasks = sorted({entry.arrays.task for entry in entries if entry.arrays is not None})
    return {name: label for task in tasks or ["classification"] for name, label in LABELS[task].items()}


def _states(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each run that did not finish: it is shown, not dropped."""
    return [
        f"{entry.key} ({entry.run.name}) has no test numbers: its status is {entry.run.status['status']}."
        for entry in entries
        if not entry.run.finished
    ]


def _metric_rows(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """A row a metric: label, bounds (where they are the same for all runs), direction, and a cell a run."""
    rows = []
    for name, label in _labels(entries).items():
        found = [entry.number(name) for entry in entries]
        known = [cell for cell in found if cell]
        if not known:
            continue
        bounds = {cell.bounds for cell in known}
        rows.append(
            {
                "name": name,
                "label": f"{label} ({known[0].unit})" if known[0].unit else label,
                "bounds": bounds.pop() if len(bounds) == 1 else "depend on E",
                "better": known[0].better,
                "cells": [cell.digits if cell else NONE for cell in found],
            }
        )
    return rows


def _reasons(entries: Sequence[Entry]) -> list[str]:
    """Why a value is undefined, for each run and metric."""
    cells = [(entry, entry.number(name)) for name in _labels(entries) for entry in entries]
    return [f"{entry.key}, {cell.name}: {cell.reason}" for entry, cell in cells if cell and cell.value is None]
