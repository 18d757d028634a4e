"""Comparison of a run with the plain networks that were trained beside it: one clause and one small table."""

import numpy as np

from moe_lab.metrics.primary import primary
from moe_lab.reports.kit.numbers import NBSP, NONE, digits, quantity
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.table import Table
from moe_lab.store.run import Run

#: twin -> its description
LABELS = {
    "single": "one network like an expert",
    "dense_active": "a dense network of as many active parameters",
    "dense_total": "a dense network of as many parameters",
}
TITLE = "Was the mixture worth it?"
ONE_SEED = "(one seed each, unproven)"
CAPTION = (
    "Plain networks trained beside this run (folder twins) with the same data, seed and trainer, without regularizers "
    "and controllers. Difference: {what} of the plain network minus that of this run{spread}. One seed each, so "
    "another seed may reverse it; a sweep over seeds with baseline=none,{names} shows whether it holds."
)
SPREAD = ", \N{PLUS-MINUS SIGN} its standard error over the choice of the test samples, the same for both"


#: what the metric by which a run is compared is called
COMPARED = {"test_loss_nats": "test loss", "test_error_rate": "test error", "test_rmse_sd": "test RMSE"}


def beside(run: Run) -> str:
    """The twins' results as a clause; empty if no twin has ended.

    ``beside it one network like an expert 4.7 %, a dense network of as many parameters 3.1 % (one seed each,
    unproven)``
    """
    results = _results(run)
    return f"beside it {results}" if results else ""


def beside_sentence(run: Run) -> str:
    """The same as a sentence that says what is compared; empty if no twin has ended."""
    results = _results(run)
    return f"Plain networks beside it, {COMPARED[primary(run.metrics)]}: {results}." if results else ""


def twins_section(run: Run) -> Section | None:
    """The table of the run and its twins; None if none has begun."""
    begun = {name: twin for name, twin in run.twins.items() if twin.status["status"] != "planned"}
    if not begun:
        return None
    by = primary(run.metrics)
    rows = [("this run", *_row(run, by), NONE)]
    rows += [(LABELS[name], *_row(twin, by), _difference(run, twin, by)) for name, twin in begun.items()]
    header = ("trained", COMPARED[by], "parameters", "used a sample", "difference")
    spread = SPREAD if any("\N{PLUS-MINUS SIGN}" in row[-1] for row in rows) else ""
    caption = CAPTION.format(what=COMPARED[by], spread=spread, names=",".join(begun))
    return Section(TITLE, tables=(Table("This run and plain networks", header, "lrrrr", tuple(rows), caption),))


def _results(run: Run) -> str:
    by = primary(run.metrics)
    ended = {
        LABELS[name]: twin for name, twin in run.twins.items() if twin.status["status"] in ("finished", "diverged")
    }
    results = [f"{label} {_measured(twin, by) if twin.finished else 'diverged'}" for label, twin in ended.items()]
    return f"{', '.join(results)} {ONE_SEED}" if results else ""


def _row(run: Run, by: str) -> tuple[str, str, str]:
    """The metric, all parameters, and those that act on a sample; in place of the metric how it stands."""
    if not run.finished:
        return run.status["status"], NONE, NONE
    counts = (run.metrics.get(name, {}).get("value") for name in ("parameters_total", "parameters_active"))
    total, active = (NONE if count is None else f"{count:,.0f}" for count in counts)
    return _measured(run, by), total, active


def _measured(run: Run, by: str) -> str:
    entry = run.metrics.get(by, {"value": None, "unit": ""})
    return quantity(entry["value"], entry["unit"])


def _difference(run: Run, twin: Run, by: str) -> str:
    """``+1.4 ± 0.9 points``; of samples whose predictions are kept with the standard error of the paired difference,
    sd(d_N) / sqrt N."""
    ours, theirs = (one.metrics.get(by, {}).get("value") if one.finished else None for one in (run, twin))
    if ours is None or theirs is None:
        return NONE
    if by != "test_error_rate":
        unit, less = run.metrics[by]["unit"], theirs - ours
        return f"{'+' if less > 0 else ''}{quantity(less, unit)}"
    less = digits(theirs - ours, "points")
    wrong = [_wrong(one) for one in (run, twin)]
    if wrong[0] is None or wrong[1] is None or wrong[0].shape != wrong[1].shape:
        return f"{less}{NBSP}points"
    each_N = wrong[1] - wrong[0]
    error = each_N.std() / len(each_N) ** 0.5
    return f"{less} \N{PLUS-MINUS SIGN} {digits(error, 'fraction')}{NBSP}points"


def _wrong(run: Run) -> np.ndarray | None:
    """1 for each wrongly predicted test sample; None if the run keeps no predictions by sample."""
    if not run.has("routing"):
        return None
    arrays = run.arrays("routing", ["prediction", "label"])
    return (arrays["prediction"] != arrays["label"]).astype(float)
