"""The files of a study: study.md, study.csv, study.svg, study-runs.csv, study-tuning.csv and study.json."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from moe_lab.reports.kit.level import Sizes
from moe_lab.store.atomic import write_csv, write_json, write_text, write_with
from moe_lab.store.untrusted import read_json, read_text
from moe_lab.sweeps.studies.figure import study_figure
from moe_lab.sweeps.studies.measured import Measured
from moe_lab.sweeps.studies.page import as_markdown
from moe_lab.sweeps.studies.predictions import predicted
from moe_lab.sweeps.studies.study import VALIDATION_ERROR, Study, Trial, open_study
from moe_lab.sweeps.studies.table import Tables, effects, levels


def write_study(folder: Path, study: Study, measured: Measured, command: str) -> Tables:
    """Write all files of a study into its folder.

    Args:
        command: what the user typed, as the page quotes it.
    """
    tables = Tables(levels(study, measured), effects(study, measured), predicted(study, measured))
    lines = tables.levels
    write_csv(folder / "study.csv", lines)
    write_csv(folder / "study-runs.csv", measured.rows(lines))
    figure = study_figure(lines, measured)
    if figure is not None:
        write_with(folder / "study.svg", lambda file: file.write(figure))
    facts = {"study": study.name, "command": command, "choices": study.choices}
    facts |= {"protocol": study.protocol, "grid": study.grid, "extra": study.extra}
    arms = {
        arm: {
            "settings": [" ".join(setting) for setting in measured.settings(arm)],
            "planned": planned,
            "sizes": asdict(measured.sizes(arm)),
        }
        for arm, planned in measured.planned.items()
    }
    write_json(folder / "study.json", facts | {"arms": arms} | asdict(tables))
    page = as_markdown(study, tables, command, measured.left_out, pictured=figure is not None)
    write_text(folder / "study.md", page)
    return tables


def write_tuning(folder: Path, trials: Sequence[Trial], errors: Sequence[float | None]) -> None:
    """Write study-tuning.csv: a row a run that chooses a setting, with its validation error (empty: not finished)."""
    rows = [
        {"arm": trial.arm, "setting": " ".join(trial.setting), "seed": trial.seed, VALIDATION_ERROR: error}
        for trial, error in zip(trials, errors, strict=True)
    ]
    write_csv(folder / "study-tuning.csv", rows)


def write_again(folder: Path) -> None:
    """Write the files of a kept study anew from its study-runs.csv and study.json, without its runs.

    The study's file is read as it is now: what was published, and the margins.
    """
    facts = read_json(read_text(folder / "study.json"))
    words = [f"{key}={value}" for key, value in {**facts["choices"], "protocol": facts["protocol"]}.items()]
    study = open_study(facts["study"], [*words, *facts["extra"]])
    if study.file.has_settings:
        study = replace(study, grid=facts["grid"])
    with (folder / "study-runs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    arms = facts["arms"]
    of_arms = {arm: Sizes(**one["sizes"]) for arm, one in arms.items()}
    measured = Measured.stored(rows, {arm: one["planned"] for arm, one in arms.items()}, of_arms)
    write_study(folder, study, measured, facts["command"])
