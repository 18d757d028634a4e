"""report.json, the CSVs, report.md and report.html of many runs."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from moe_lab.reports.arms import tables
from moe_lab.reports.arms.collect import Arm, collect
from moe_lab.reports.arms.curves import learning_curves
from moe_lab.reports.arms.data import (
    arm_rows,
    comparison_rows,
    factorial_rows,
    pair_rows,
    report_data,
    run_rows,
    value_rows,
    with_names,
)
from moe_lab.reports.arms.decomposition import Decomposition, decompositions
from moe_lab.reports.arms.dots import FIRST, dots, forest
from moe_lab.reports.arms.experts import agreement_maps, class_maps, loads, usage_over_time
from moe_lab.reports.arms.findings import OVER, findings, states
from moe_lab.reports.arms.lead import first_rows, lead_header, lead_rows
from moe_lab.reports.arms.look import Look
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.arms.overview import legend, overview
from moe_lab.reports.arms.scatter import information, trade_off
from moe_lab.reports.arms.tables import MetricTable, blocks, metric_table
from moe_lab.reports.arms.tidy import tidy_columns, tidy_rows
from moe_lab.reports.arms.usage_table import USAGE_NOTE, usage_table
from moe_lab.reports.arms.words import shown as shown_digits
from moe_lab.reports.arms.words import with_unit
from moe_lab.reports.kit.page import rendered
from moe_lab.reports.kit.picture import Form, Picture
from moe_lab.reports.kit.section import Section, write_pages
from moe_lab.reports.paper.write import Markup, Paper
from moe_lab.store.atomic import write_csv, write_json
from moe_lab.store.run import Run, Unreadable, as_written

T = TypeVar("T")
#: titles of chapters with a place of their own on the page
FIRST_SCREEN, AT_A_GLANCE, BY_METRIC = "Arms, the best first", "At a glance", "Metric by metric"
#: with more arms than this, only the CSV has all metrics
ALL_METRICS_ARMS = 60


class ArmsReport:
    """The report of many runs, by arms. Its contents are fixed when it is made; ``write`` writes it.

    ``left_out`` lists the runs that are not in it, with the reason: a file is missing or broken, or the run is not a
    mixture.
    """

    def __init__(self, runs: Sequence[Run], against: str | None = None) -> None:
        """Raises: RunError if there is no run, none can be read, or ``against`` does not name exactly one arm."""
        self._runs = list(runs)
        self._against = against
        self._measured: Measured | None = None
        self._without_plans: set[Path] = set()
        self.left_out: list[str] = []
        self._of_what_can_be_read(lambda measured: [one.metrics for one in measured.collection.members])

    def _of_what_can_be_read(self, make: Callable[[Measured], T]) -> T:
        """The result of ``make`` for all runs that can be read, and the runs left out."""
        while True:
            try:
                with as_written("the report of these runs"):
                    self._measured = self._measured or Measured(collect(self._runs, self._without_plans), self._against)
                    return make(self._measured)
            except Unreadable as error:
                kept = [run for run in self._runs if run.path != error.folder]
                if len(kept) == len(self._runs):
                    # the plan of a sweep is broken, not its runs
                    self._without_plans.add(error.folder)
                self._runs = kept
                self._measured = None
                self.left_out.append(str(error))
                if not self._runs:
                    raise

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per run."""
        return self._of_what_can_be_read(lambda measured: run_rows(measured.collection, measured))

    @property
    def values(self) -> tuple[list[str], list[dict[str, Any]]]:
        """Columns and rows, one row per value."""
        return self._of_what_can_be_read(lambda one: (tidy_columns(one.collection), tidy_rows(one.collection)))

    @property
    def sentences(self) -> list[str]:
        """The sentences of the first screen."""
        return self._of_what_can_be_read(lambda one: [*findings(one), f"{states(one.collection)}."])

    def overview(self, width: int) -> list[tuple[dict[str, str], list[dict[str, str]]]]:
        """Tables for a terminal of this width: (column -> heading, rows)."""
        return self._of_what_can_be_read(lambda measured: overview(measured, width))

    @property
    def legend(self) -> dict[str, str]:
        """The marks of cells in the overview, with what they mean."""
        return self._of_what_can_be_read(legend)

    def paper(self, markup: Markup | None, form: Form | None, **chosen: Any) -> Paper:
        """The contents for a paper; ``chosen`` are the options of Paper. Raises RunError as it does."""
        return self._of_what_can_be_read(lambda measured: Paper(measured, markup, form, **chosen))

    def write(self, claim: Callable[[], Path]) -> Path:
        """Write all files into the folder that ``claim`` makes after everything was read; the path of report.html.

        The same runs give the same bytes. Raises: RunError if no run can be read; then no folder is made.
        """
        measured, decomposed, data, sections = self._of_what_can_be_read(_all_of)
        data["left_out"] = self.left_out
        with as_written("the report of these runs"):
            context = _context(measured, decomposed, sections)
            context["more"] += [f"Left out: {reason}." for reason in self.left_out]
            pages = rendered("comparison", context)
        out = claim()
        write_json(out / "report.json", data)
        for name, rows in (
            ("runs", data["runs"]),
            ("values", value_rows(measured)),
            ("arms", arm_rows(measured)),
            ("comparisons", comparison_rows(measured)),
            ("factorial", factorial_rows(measured)),
            ("agreement", data["agreement"]),
            ("pairs", pair_rows(decomposed)),
        ):
            if rows:
                write_csv(out / f"{name}.csv", with_names(rows, measured.arms))
        return write_pages(out, pages, [_named(section, measured.arms) for section in sections])


def _named(section: Section, arms: Sequence[Arm]) -> Section:
    """A section whose figures' numbers have the arms' names beside their keys."""
    pictures = (replace(picture, rows=tuple(with_names(picture.rows, arms))) for picture in section.pictures)
    return replace(section, pictures=tuple(pictures))


def _all_of(measured: Measured) -> tuple[Measured, Sequence[Decomposition], dict[str, Any], list[Section]]:
    """Everything that is read for a report."""
    decomposed = decompositions([arm for arm in measured.ranked if arm.n])
    return measured, decomposed, report_data(measured, decomposed), _sections(measured, decomposed)


def _sections(measured: Measured, decomposed: Sequence[Decomposition]) -> list[Section]:
    look = Look(measured.arms)
    overview = [one for one in (trade_off(measured, look), information(measured, look)) if one]
    first = forest(measured, look) if measured.shown else ()
    return [
        section
        for section in (
            Section(FIRST_SCREEN, first),
            Section(AT_A_GLANCE, tuple(overview)),
            Section("Training", tuple(learning_curves(measured.arms, look))),
            Section("Use of the experts", _use(decomposed)),
            Section(BY_METRIC, tuple(dots(measured, name, look) for name in _drawn(measured))),
        )
        if section.pictures
    ]


def _drawn(measured: Measured) -> list[str]:
    """The metrics with a picture of their own, besides those of the first screen."""
    if measured.collection.single and len(measured.shown) <= tables.COLUMNS:
        # one point per arm shows no more than the table
        return []
    whole = len(measured.shown) <= FIRST
    return [name for name in tables.main_metrics(measured) if not (whole and name in measured.primary)]


def _use(decomposed: Sequence[Decomposition]) -> tuple[Picture, ...]:
    if not decomposed:
        return ()
    found = loads(decomposed), usage_over_time(decomposed), class_maps(decomposed), agreement_maps(decomposed)
    return tuple(one for one in found if one)


def _context(measured: Measured, decomposed: Sequence[Decomposition], sections: Sequence[Section]) -> dict[str, Any]:
    collection, look = measured.collection, Look(measured.arms)
    main = tables.main_metrics(measured)
    every = measured.varying if len(measured.shown) <= ALL_METRICS_ARMS else []
    shown = [arm for arm in measured.ranked if arm.n]
    run_header, run_rows_ = tables.run_table(measured)
    sentences = findings(measured)
    first = first_rows(measured)
    return {
        "title": _title(measured),
        "lead": sentences[0],
        "more": sentences[1:],
        "states": states(collection),
        "all_finished": all(one.counts for one in collection.members) and not collection.refused,
        "single": collection.single,
        "over": OVER,
        "family": _family(measured),
        "colours": look.colour,
        "first": MetricTable(lead_header(measured), first, keyed=True),
        "ranked": MetricTable(lead_header(measured), lead_rows(measured, measured.ranked), keyed=True)
        if len(first) < len(measured.arms)
        else None,
        "choice_header": tables.choice_header(measured),
        "choices": tables.choice_table(measured),
        "same": collection.same,
        "refused": collection.refused,
        "headline": blocks(metric_table(measured, main, shown)) if main else [],
        "all_metrics": blocks(metric_table(measured, every, shown)) if len(every) > len(main) else [],
        "constant": {
            one.label: with_unit(one, shown_digits(one, value))
            for name, value in measured.constant.items()
            for one in [measured.quantities[name]]
        },
        "seeds": tables.seeds(measured),
        "mixed": tables.mixed(measured, main),
        "names": {arm.key: arm.words for arm in measured.arms},
        "reasons": tables.reasons(measured, main),
        "named": [(title, note, blocks(one)) for title, note, one in tables.named_tables(measured)],
        "factorials": tables.factorial_tables(measured),
        "no_factorial": tables.no_factorial(measured),
        "usage": usage_table(measured),
        "usage_note": USAGE_NOTE,
        "reference": measured.baseline.key,
        "agreement": tables.agreement_table(decomposed),
        "crossed": tables.crossed_table(decomposed),
        "run_header": run_header,
        "runs": run_rows_,
        "sections": {section.title: section for section in sections},
        "folded": len(measured.arms) > tables.COLUMNS,
    }


def _title(measured: Measured) -> str:
    """The sweep, if all runs are of one, and the numbers of runs and arms."""
    runs, arms = len(measured.collection.members), len(measured.arms)
    counted = f"{runs} run{'s' if runs != 1 else ''}, {arms} arm{'s' if arms != 1 else ''}"
    jobs = {one.run.path.parent for one in measured.collection.members if one.run is not None}
    sweep = next(iter(jobs)).parent.name if len(jobs) == 1 and next(iter(jobs)).name == "jobs" else ""
    return f"{sweep}: {counted}" if sweep else counted


def _family(measured: Measured) -> str:
    """The explanation of a star."""
    found = next(iter(measured.comparisons.values()), None)
    if found is None:
        return ""
    names = " and ".join(measured.quantities[name].label for name in measured.primary)
    few = sum(one.too_few for one in measured.comparisons.values())
    text = (
        f"* differs from {measured.baseline.key} beyond chance: exact paired sign-flip test over shared seeds, 5 % "
        f"after Holm over the declared family of {found.family} ({names}; every arm except {measured.baseline.key}). "
        "Other metrics have no stars."
    )
    if few:
        text += (
            f" Too few seeds in {few} of {found.family}: with fewer than {found.needed}, no difference can be beyond "
            "chance."
        )
    return text
