"""A study's page: what was asked, its tables, and how to read them."""

from collections.abc import Sequence

from moe_lab.reports.kit.page import markdown, table
from moe_lab.sweeps.studies.claims import Claim
from moe_lab.sweeps.studies.family import family_of
from moe_lab.sweeps.studies.measured import Line
from moe_lab.sweeps.studies.predictions import shown_predictions
from moe_lab.sweeps.studies.study import Study
from moe_lab.sweeps.studies.table import COLUMNS, Tables, remarks, shown
from moe_lab.sweeps.studies.verdicts import tally

#: metrics that mixtures and dense networks share
ERRORS = {"test_error_rate", "test_rmse_sd", "test_loss_nats"}
FIGURE = "Points: runs; bar: their mean and its 95 % interval. An arrow: runs beyond the axis."
BESIDE = (
    "Points: our runs; bar: their mean and its 95 % interval, orange where it is different from what was published.\n"
    "Grey: published, mean ± sd; open diamond: the printed best. An arrow: runs beyond the axis."
)


def as_markdown(
    study: Study,
    tables: Tables,
    command: str,
    left_out: Sequence[str] = (),
    pictured: bool = True,
) -> str:
    """The study's page: what was asked, which runs could not be read, its tables, and how to read them."""
    lines, differences = tables.levels, tables.differences
    heading = [f"# {markdown(study.file.title)}", "", f"{markdown(study.file.source)}", "", "```", command, "```", ""]
    facts = [
        *_asked(study),
        *study.notes,
        *_caveats(study),
        *_without_dense(study, lines),
        *(f"Left out, because it cannot be read: {one}." for one in left_out),
    ]
    published = bool(study.file.published)
    facts = [*_claim(study.file), *facts] if isinstance(study.file, Claim) else facts
    parts = [*heading, *(markdown(fact) for fact in facts), ""]
    if tables.predictions:
        parts += ["## Predictions", "", *_predictions(tables.predictions)]
    parts += ["## Published and measured" if published else "## Measured", "", *_section(lines)]
    if pictured:
        parts += [f"![Every run{' beside what was published' if published else ''}](study.svg)", ""]
        parts += [BESIDE if published else FIGURE, ""]
    if differences:
        parts += [f"## Differences to {markdown(study.file.against)}, on the same seeds", "", *_section(differences)]
    if study.fair:
        parts += ["## Chosen settings", "", *_chosen(lines)]
    return "\n".join([*parts, "## How to read it", "", *_reading(study), ""])


def notes(lines: Sequence[Line]) -> list[str]:
    """What stands below a table: how many verdicts there are of each kind, and the remarks."""
    own = any(line["p"] is not None for line in lines)
    return [*filter(None, [tally(lines, *(["difference", " with a margin"] if own else []))]), *remarks(lines)]


def _section(lines: Sequence[Line]) -> list[str]:
    rows, told = shown(lines), [f"- {markdown(note)}" for note in notes(lines)]
    columns = list(rows[0]) if rows else list(COLUMNS)
    return [
        table(columns, [list(row.values()) for row in rows], "l" * len(columns)),
        "",
        *(told + [""] if told else []),
    ]


def _claim(file: Claim) -> list[str]:
    """What is claimed, and what must be known to judge it."""
    return [
        f"Claim: {file.claim} Reported: {file.reported}",
        f"{file.formula} What could make it fail here without refuting the source: {file.caution}",
    ]


def _predictions(lines: Sequence[Line]) -> list[str]:
    rows = shown_predictions(lines)
    return [table(list(rows[0]), [list(row.values()) for row in rows], "l" * len(rows[0])), ""]


def _chosen(lines: Sequence[Line]) -> list[str]:
    settings = {line["arm"]: line["setting"] for line in lines if line["setting"]}
    return [table(("arm", "setting"), list(settings.items()), "ll"), ""]


def _reading(study: Study) -> list[str]:
    margins = ", ".join(f"{study.metrics[name]} {margin:g}" for name, margin in study.file.margins.items())
    return [
        "mean ± sd (n), n runs. Intervals of differences, [low, high], are 95 % intervals over seeds: the shifts that",
        "the exact sign-flip test of the paired differences does not reject; below 6 seeds it rejects none.",
        "A metric that is undefined for some seeds says so, and is not compared.",
        "",
        *_of_verdicts(study, markdown(margins)),
    ]


def _of_verdicts(study: Study, margins: str) -> list[str]:
    if isinstance(study.file, Claim):
        return _of_predictions(study.file)
    return _of_published(margins) if study.file.published else _of_own(study, margins)


def _of_predictions(file: Claim) -> list[str]:
    return [
        f"The {len(file.predictions)} predictions were written down before these runs, whose seeds begin at",
        f"{file.first_seed}: no trial has used them. Negligible: two one-sided sign-flip tests reject that the mean",
        "difference is as large as the margin; where equality was predicted, it then holds. Holds or reversed: else,",
        "if the sign-flip test rejects 0, by the sign. Inconclusive: else. p is after Holm's correction over all",
        "predictions of the claim. What is not predicted is described and not tested.",
    ]


def _of_published(margins: str) -> list[str]:
    return [
        "A verdict is an equivalence test with a margin that the study's file sets"
        + (f": {margins}." if margins else ", and this one sets none."),
        "Not comparable, with the reason, is asked first. Equivalent: the 90 % Welch interval of ours minus theirs",
        "lies inside the margin. Different: else, if the 95 % interval excludes 0. Inconclusive: else, with the number",
        "of our runs that would do if means and sds stay. A printed difference without a spread has a direction only,",
        "which holds or is reversed if our own interval, corrected for all such directions, excludes 0. A printed",
        "best of n runs is compared with the range of the best of n of ours, selected as theirs; that needs 8 n runs",
        "of ours.",
    ]


def _of_own(study: Study, margins: str) -> list[str]:
    if not margins:
        return ["The study's file sets no margin, so nothing has a verdict."]
    return [
        f"Verdicts are of the {len(family_of(study))} differences with a margin that the study's file sets: {margins}.",
        "Equivalent: two one-sided sign-flip tests reject that the mean difference is as large as the margin.",
        "Different: else, if the sign-flip test rejects 0. Inconclusive: else. p is after Holm's correction over these",
        "differences. What has no margin is described and not tested.",
    ]


def _asked(study: Study) -> list[str]:
    """The study's own words; the protocol where there is a choice of settings."""
    words = [", ".join(f"{key}={value}" for key, value in study.choices.items())]
    if study.fair:
        words.append("protocol=fair")
    elif study.has_settings:
        words.append(f"protocol=paper, grid={study.grid}")
    text = "; ".join(filter(None, words))
    return [f"{text}."] if text else []


def _caveats(study: Study) -> list[str]:
    if study.fair:
        return ["Every arm had as many settings, chosen by validation error on seeds that are not reported."]
    return ["One printed setting an arm: no selection."] if study.grid == "published" and study.has_settings else []


def _without_dense(study: Study, lines: Sequence[Line]) -> list[str]:
    """What adds a dense network of as many parameters to a study that compares errors and has no run of one."""
    arms = [name for name, arm in study.arms.items() if "baseline=dense_total" in arm.words]
    if not ERRORS & study.metrics.keys() or any(line["arm"] in arms for line in lines):
        return []
    missing = "A dense network of as many parameters is missing, so the errors do not say whether a mixture is better."
    if not arms:
        return [f"{missing} An arm with the word baseline=dense_total in the study's file adds it."]
    return [f"{missing} It is the arm {arms[0]}, of which no run has finished: the command above adds it."]
