"""The tables of a report of many runs, in words: arms x metrics with intervals and marks, effects, agreement, runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from moe_lab.metrics import METRICS
from moe_lab.reports.arms.collect import Arm
from moe_lab.reports.arms.data import agreement_rows
from moe_lab.reports.arms.decomposition import Decomposition
from moe_lab.reports.arms.measured import ERROR, SHARE, Measured, Quantity
from moe_lab.reports.arms.words import changed, changed_ends, shown
from moe_lab.reports.kit.choices import ABSENT
from moe_lab.reports.kit.headline import BETTER, LABELS
from moe_lab.reports.kit.numbers import NBSP, NONE, UNDEFINED, signed
from moe_lab.statistics import Factorial, Summary
from moe_lab.tasks import Task

#: the metric that identifies a task
ERRORS: dict[Task, str] = {"classification": ERROR, "regression": "test_rmse_sd"}

#: up to this number of arms are columns; more are rows
COLUMNS = 5
#: most metrics side by side
ACROSS = 6
#: mark of a mean over two kinds of run
STAR, MIXED = "*", "\N{DOUBLE DAGGER}"

#: title, note, prefix of its metrics' names, and the metrics beside them
NAMED_TABLES = (
    (
        "Compared with reference decompositions",
        "I(E;Y)/H(load) of the mixture, and of other assignments of the same samples. The gate before training "
        "(untrained) and clusters of the inputs (kmeans pixels) do not depend on training, so only information above "
        "these two, not above zero, is due to training. A nearest-neighbour gate (learnable) and clusters of hidden "
        "features (kmeans features) are made from the run's own trained experts: they show these experts with "
        "another gate.",
        ("reference_information_per_usage: ",),
        (SHARE,),
    ),
    (
        "What experts specialize in",
        "I(E;A)/H(load): the share of the experts' usage that follows an attribute of the samples. Compare each with "
        "its null and with its value given the class, among the metrics below.",
        ("attribute_information_per_usage: ",),
        (),
    ),
)


@dataclass(frozen=True)
class Cell:
    """A mean, its interval (empty without one), the number of runs that have it if not all do, and its mark."""

    text: str
    ends: str = ""
    mark: str = ""

    def __str__(self) -> str:
        return f"{self.text}{self.mark} ({self.ends})" if self.ends else f"{self.text}{self.mark}"


@dataclass(frozen=True)
class MetricTable:
    """Arms x metrics. If ``keyed``, the first column has the arms' keys, else the header has them."""

    header: list[str]
    rows: list[list[Cell]]
    keyed: bool


def main_metrics(measured: Measured) -> list[str]:
    """The metrics of the headline and those beside it that vary."""
    tasks = [task for task, name in ERRORS.items() if name in measured.quantities]
    named = dict.fromkeys(name for task in tasks or list(ERRORS)[:1] for name in LABELS[task])
    varying = set(measured.varying) | set(measured.primary)
    return [name for name in named if name in varying]


def named_tables(measured: Measured) -> list[tuple[str, str, MetricTable]]:
    """Title, note and table of metrics by name (reference decompositions and attributes), for the arms with a value.
    Arms with one expert have none."""
    found = []
    for title, note, whole, beside in NAMED_TABLES:
        names = [name for name in measured.quantities if name.startswith(whole)]
        if names:
            known = [name for name in beside if name in measured.quantities]
            having = [arm for arm in measured.shown if any(arm.values(name) for name in names)]
            found.append((title, note, metric_table(measured, [*known, *names], having)))
    return found


def metric_table(measured: Measured, names: Sequence[str], arms: Sequence[Arm]) -> MetricTable:
    """Arms x metrics: metrics as rows if there are few arms, else arms as rows."""
    heads = [_head(measured.quantities[name]) for name in names]
    if len(arms) <= COLUMNS:
        rows = [
            [Cell(head), *(cell(measured, arm, name) for arm in arms), Cell(bounds(measured, name))]
            for head, name in zip(heads, names, strict=True)
        ]
        return MetricTable(["metric", *(arm.key for arm in arms), "better"], rows, keyed=False)
    rows = [[Cell(arm.key), *(cell(measured, arm, name) for name in names)] for arm in arms]
    return MetricTable(["arm", *heads], rows, keyed=True)


def blocks(table: MetricTable) -> list[MetricTable]:
    """A table with one row per arm, split into several tables that fit the width of a page."""
    if not table.keyed:
        return [table]
    parts = [range(start, min(start + ACROSS, len(table.header))) for start in range(1, len(table.header), ACROSS)]
    return [
        MetricTable(
            [table.header[0], *(table.header[at] for at in part)],
            [[row[0], *(row[at] for at in part)] for row in table.rows],
            keyed=True,
        )
        for part in parts
    ]


def _head(quantity: Quantity) -> str:
    """The name in ``metric: name``."""
    return quantity.axis.rpartition(": ")[2]


def cell(measured: Measured, arm: Arm, name: str) -> Cell:
    """A mean with its interval; a star if it differs from the baseline beyond chance, family-wise."""
    found, quantity = measured.summaries[name].get(arm.key), measured.quantities[name]
    if found is None:
        return Cell(NONE if all(name not in one.metrics for one in arm.counted) else _without(measured, arm, name))
    comparison = measured.comparisons.get((arm.key, name))
    beside = []
    if found.ends is not None and found.low != found.high:
        low, high = found.ends
        beside.append(f"{shown(quantity, low)} to {shown(quantity, high)}")
    beside += [one for one in [measured.undefined(arm, name)] if one]
    mark = (STAR if comparison and comparison.sure else "") + (MIXED if _of_two_kinds(found) else "")
    return Cell(shown(quantity, found.mean), "; ".join(beside), mark)


def _of_two_kinds(found: Summary) -> bool:
    """Whether the mean is over runs of two kinds; a number that all of them share has no mark."""
    return bool(found.warning) and found.sd != 0


def _without(measured: Measured, arm: Arm, name: str) -> str:
    """``undefined``, or a dash if the metric is not of the arm's task."""
    metric = METRICS.get(name.partition(": ")[0])
    task: Task = "classification" if arm.values(ERROR) else "regression"
    return NONE if metric and not metric.serves(task) else UNDEFINED


def bounds(measured: Measured, name: str) -> str:
    return BETTER[measured.quantities[name].better]


def mixed(measured: Measured, names: Sequence[str]) -> str:
    """The explanation of the double dagger, if there is one."""
    if not any(_of_two_kinds(one) for name in names for one in measured.summaries[name].values()):
        return ""
    return (
        f"{MIXED} Some runs collapsed, or the seeds form two groups. The mean is over two kinds of run, so its "
        "interval is not reliable; see the seeds below."
    )


def reasons(measured: Measured, names: Sequence[str]) -> list[str]:
    """The reasons why values are undefined: one sentence per metric, reason and arms."""
    found: dict[tuple[str, str], list[str]] = {}
    for name in names:
        for arm in measured.shown:
            for one in arm.counted:
                entry = one.metrics.get(name) or {}
                if entry and name not in one.scalars and _without(measured, arm, name) == UNDEFINED:
                    found.setdefault((name, str(entry.get("reason"))), []).append(arm.key)
    return [
        f"{measured.quantities[name].label}: {reason} ({', '.join(_times(key, keys) for key in dict.fromkeys(keys))})"
        for (name, reason), keys in found.items()
    ]


def _times(key: str, keys: Sequence[str]) -> str:
    count = keys.count(key)
    return key if count == 1 else f"{key}, {count} runs"


def choice_table(measured: Measured) -> list[list[str]]:
    """One row per arm: its name, and its value of every choice in which arms differ, as one would type it."""
    varying = measured.collection.varying
    return [[arm.key, *([arm.levels[key] for key in varying] or [arm.words])] for arm in measured.arms]


def choice_header(measured: Measured) -> list[str]:
    """The columns of ``choice_table``."""
    return ["arm", *(measured.collection.varying or ["settings"])]


def seeds(measured: Measured) -> str:
    """The seeds that finished, if all arms have the same and they can be listed."""
    found = {tuple(one.seed_word for one in arm.counted) for arm in measured.shown}
    words = next(iter(found), ())
    if len(found) != 1 or len(words) > 20:
        return ""
    return f"{'Seeds' if len(words) > 1 else 'Seed'} of every arm: {', '.join(words)}."


def factorial_tables(measured: Measured) -> list[dict[str, Any]]:
    """For each primary metric the effects and the levels."""
    return [
        _factorial_table(measured.quantities[name], found)
        for name, found in measured.factorials.items()
        if isinstance(found, Factorial)
    ]


def no_factorial(measured: Measured) -> list[str]:
    """The reasons why there is no analysis, one sentence each."""
    reasons: dict[str, list[str]] = {}
    for name, found in measured.factorials.items():
        if isinstance(found, str):
            reasons.setdefault(found, []).append(measured.quantities[name].label)
    return [f"No factorial analysis of {' and '.join(labels)}: {reason}." for reason, labels in reasons.items()]


def _factorial_table(quantity: Quantity, found: Factorial) -> dict[str, Any]:
    effects = [
        [row.name, _percent(row.share), _range(row.low, row.high), str(row.df), _number(row.f), _p(row.p)]
        for row in found.effects
    ]
    levels = [
        [
            f"{factor}={level}" if level != ABSENT else f"{factor}: none",
            changed(quantity, one.mean),
            changed_ends(quantity, one),
        ]
        for factor, by_level in found.levels.items()
        for level, one in by_level.items()
    ]
    unit = "points" if quantity.unit == "fraction" else quantity.shown_unit
    return {"label": quantity.label, "effects": effects, "levels": levels, "unit": unit}


def _percent(value: float) -> str:
    return f"{100 * value:.0f}{NBSP}%"


def _range(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f}{NBSP}%"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.1f}"


def _p(value: float | None) -> str:
    return NONE if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def agreement_table(decomposed: Sequence[Decomposition]) -> list[list[str]]:
    """One row per arm: pairs, excess with its interval, ARI with its null, matched share with its null."""
    return [
        [row["arm"], f"{row['pairs'] - row['undefined_pairs']} of {row['pairs']}"]
        + [_two(row["excess"]), _two_range(row["excess_low"], row["excess_high"])]
        + [_two(row[name]) for name in ("ari", "null_ari", "ami")]
        + [_percent(row[name]) if row[name] is not None else UNDEFINED for name in ("matched", "null_matched")]
        for row in agreement_rows(decomposed)
    ]


def crossed_table(decomposed: Sequence[Decomposition]) -> list[list[str]]:
    """Excess agreement by shared seeds, if initialization and order have separate seeds."""
    return [
        [one.arm.key, name, _two(found.mean), _two_range(found.low, found.high)]
        for one in decomposed
        for name, found in one.crossed.items()
    ]


def _two(value: float | None) -> str:
    return NONE if value is None else signed(f"{value:.2f}")


def _two_range(low: float | None, high: float | None) -> str:
    return NONE if low is None or high is None else f"{_two(low)} to {_two(high)}"


def run_table(measured: Measured) -> tuple[list[str], list[list[str]]]:
    """One row per run: arm, run, seed, status, the primary metrics, and the error if it failed."""
    names = [name for name in measured.primary if name in measured.quantities]
    header = ["arm", "run", "seed", "status", *(measured.quantities[name].axis for name in names), "note"]
    rows = [
        [arm.key, one.name, one.seed_word, one.state]
        + [shown(measured.quantities[name], one.scalars[name]) if name in one.scalars else NONE for name in names]
        + [f"repeats {one.repeats}" if one.repeats is not None else one.error or ""]
        for arm in measured.arms
        for one in arm.members
    ]
    return header, rows
