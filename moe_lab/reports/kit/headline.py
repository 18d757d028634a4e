"""The headline numbers: the metrics at the top of a report, their bounds, and a summary sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np

from moe_lab.metrics import METRICS
from moe_lab.metrics.arrays import NumberArrays
from moe_lab.metrics.learned import never_learned, never_learned_numbers
from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.reports.kit.numbers import NBSP, UNITS, digits, quantity, short
from moe_lab.tasks import Task

Metrics = Mapping[str, Mapping[str, Any]]

INFORMATION = "mutual_information_expert_label_bits"
ANSWER = "expert_answer_information_bits"
#: an expert with less than this fraction of an even load counts as hardly used
HARDLY = 0.1


class Sizes(TypedDict):
    """The sizes that a metric's bounds depend on."""

    experts: int
    classes: int
    tested: int | None
    task: Task


#: metric -> its label on a card
HEADLINE: dict[Task, dict[str, str]] = {
    "classification": {
        "test_error_rate": "Test error",
        "worst_class_error_rate": "Error of the worst class",
        "classes_never_answered": "Classes never predicted",
        INFORMATION: "Information I(E;Y)",
        ANSWER: "Experts' own, I(Y;Y'|E)",
        "information_per_usage": "I(E;Y)/H(load)",
        "usage_entropy_bits": "Usage entropy H(E)",
        "sample_entropy_bits": "Sample entropy H(E|X)",
        "dead_experts": "Dead experts",
        "hardening_gap": "Hardening gap",
        "oracle_error_rate": "Oracle error",
    },
    "regression": {
        "test_loss_nats": "Test loss",
        "test_rmse_sd": "Test RMSE",
        "test_r2": "Test R\N{SUPERSCRIPT TWO}",
        INFORMATION: "Information I(E;Y)",
        "mutual_information_responsible_label_bits": "I(E*;Y), E* responsible",
        "usage_entropy_bits": "Usage entropy H(E)",
        "sample_entropy_bits": "Sample entropy H(E|X)",
        "dead_experts": "Dead experts",
    },
}
#: further metrics in the table of a comparison
BESIDE = {
    "load_entropy_bits": "Load entropy H(load)",
    "top_expert_share": "Largest load",
    "effective_experts": "Effective experts",
    "unrouted_share": "Unrouted samples",
    "test_loss_nats": "Test loss",
    "test_bits_per_byte": "Test loss per byte",
    "bayes_gap": "Above the Bayes loss",
    "parameters_total": "Parameters",
    "parameters_active": "Parameters used per sample",
}
#: further metrics there in regression only
BESIDE_NUMBERS = {
    "information_per_usage": "I(E;Y)/H(load)",
    "hardening_gap_nats": "Hardening gap",
    "oracle_rmse_sd": "Oracle RMSE",
}
LABELS: dict[Task, dict[str, str]] = {
    "classification": HEADLINE["classification"] | BESIDE,
    "regression": HEADLINE["regression"] | BESIDE_NUMBERS | BESIDE,
}
ONE_SEED = "One seed: n = 1. Another seed may give other numbers, so this is an observation, not yet a result."
#: the note on a run whose evaluation.npz has batch_dependent
BATCH_NOTE = (
    "Predictions of this run depend on the other samples of their batch. Test samples were evaluated in order, in "
    "batches of the training size; other batches would give other numbers."
)
BETTER = {"lower": "lower is better", "higher": "higher is better", "none": ""}


@dataclass(frozen=True)
class Number:
    """One metric as printed. ``value`` is that of metrics.json; ``filled`` is its place between the bounds."""

    name: str
    label: str
    value: Any
    digits: str
    unit: str
    bounds: str
    better: str
    definition: str
    source: str
    reason: str | None
    filled: float | None

    @property
    def several(self) -> bool:
        """Whether it is a list or numbers by name."""
        return isinstance(self.value, list | dict)

    @property
    def lack(self) -> str:
        """The introduction of the reason: there is no value, or some values are missing."""
        return "Undefined" if self.value is None else "Gaps"

    @property
    def text(self) -> str:
        """The value with its unit; no unit if there is no value."""
        return self.digits if self.value is None or not self.unit else f"{self.digits}{NBSP}{self.unit}"


def numbers(
    metrics: Metrics, experts: int, classes: int, tested: int | None = None, task: Task = "classification"
) -> list[Number]:
    """All metrics of metrics.json for the task, the headline first, without those that a single expert cannot have.
    ``tested``: classes of the test split, by default all."""
    sizes: Sizes = {"experts": experts, "classes": classes, "tested": tested, "task": task}
    first = HEADLINE[task]
    possible = [name for name, entry in metrics.items() if serves(name, task) and entry.get("reason") != ONE_EXPERT]
    names = [name for name in first if name in possible] + [name for name in possible if name not in first]
    return [number(name, metrics[name], sizes) for name in names]


def serves(name: str, task: Task) -> bool:
    """Whether a metric has a value for the task. A metric that this version of moe-lab does not know may have one."""
    return name not in METRICS or METRICS[name].serves(task)


def headline(
    metrics: Metrics, experts: int, classes: int, tested: int | None = None, task: Task = "classification"
) -> list[Number]:
    return [found for found in numbers(metrics, experts, classes, tested, task) if found.name in HEADLINE[task]]


def number(name: str, entry: Mapping[str, Any], sizes: Sizes) -> Number:
    """The entry of metrics.json with the register's description of it."""
    value, unit, metric, task = entry["value"], entry["unit"], METRICS.get(name), sizes["task"]
    low, high = metric.bounds(**sizes) if metric else (None, None)
    difference = unit == "fraction" and low is not None and low < 0
    filled = None
    if isinstance(value, int | float) and low is not None and high is not None and 0 <= low < high:
        filled = min(1.0, max(0.0, (value - low) / (high - low)))
    return Number(
        name=name,
        label=LABELS[task].get(name, name),
        value=value,
        digits=digits(value, "points" if difference else unit),
        unit="points" if difference else UNITS.get(unit, unit),
        bounds=_bounds_text(low, high, unit, "points" if difference else UNITS.get(unit, unit)),
        better=BETTER[metric.better] if metric and (low is None or low != high) else "",
        definition=" ".join(metric.definition.split()) if metric else "not a metric of this version of moe-lab",
        source=metric.source if metric else "",
        reason=entry.get("reason"),
        filled=filled,
    )


def _bounds_text(low: float | None, high: float | None, unit: str, name: str) -> str:
    ends = [short(end, unit) for end in (low, high) if end is not None]
    suffix = f"{NBSP}{name}" if name else ""
    if not ends:
        return "unbounded"
    if high is None:
        return f"at least {ends[0]}"
    if low is None:
        return f"at most {ends[0]}{suffix}"
    return f"always {ends[0]}{suffix}" if low == high else f"{ends[0]} to {ends[1]}{suffix}"


def verdict(
    metrics: Metrics,
    experts: int,
    classes: int,
    tested: int | None = None,
    task: Task = "classification",
    about: str = "class",
    beside: str = "",
) -> str:
    """A summary in one sentence.

    It has the number of used experts, the error, that of plain networks ``beside`` the mixture, and the information of
    the choice of expert ``about`` the target.
    """
    known = classes if tested is None else tested
    error = _error_clause(metrics, known) if task == "classification" else _rmse_clause(metrics)
    clauses = [_usage_clause(metrics, experts), error, *([beside] if beside else [])]
    if experts > 1:
        clauses += [_information_clause(metrics, experts, known, about)]
    unrouted = _value(metrics, "unrouted_share")
    if unrouted:
        clauses.append(f"{quantity(unrouted, 'fraction')} of the test samples reach no expert")
    text = "; ".join(clauses)
    return text[0].upper() + text[1:] + "."


def _usage_clause(metrics: Metrics, experts: int) -> str:
    if experts == 1:
        return "one expert, so there is nothing to route"
    dead, top = _value(metrics, "dead_experts"), _value(metrics, "top_expert_share")
    if _value(metrics, "collapsed"):
        return f"collapsed: one of {experts} experts has {quantity(top, 'fraction')} of the test samples"
    if dead is None:
        return f"{experts} experts ({_reason(metrics, 'dead_experts')})"
    clauses = [f"{dead:.0f} of them never the first choice"] if dead else []
    share_E = [share for share in _value(metrics, "load_share") or [] if share]
    hardly = [share for share in share_E if share < HARDLY / experts]
    if hardly:
        least = f"{100 * min(hardly):.2g}{NBSP}% of the test samples, where an even share is {100 / experts:.3g}{NBSP}%"
        whose = "the least" if not dead else "this one" if len(hardly) == 1 else "the least of these"
        clauses.append(f"{len(hardly)} {'' if dead else 'of them '}hardly used ({whose} has {least})")
    return f"{experts} experts, " + (" and ".join(clauses) or "all used")


def _error_clause(metrics: Metrics, classes: int) -> str:
    error = _value(metrics, "test_error_rate")
    if error is None:
        return f"test error undefined ({_reason(metrics, 'test_error_rate')})"
    never = _value(metrics, "classes_never_answered")
    unanswered = f", {never} class{'' if never == 1 else 'es'} never predicted" if never else ""
    tasks = _value(metrics, "tasks_never_learned")
    skipped = f", {tasks} task{'' if tasks == 1 else 's'} never learned" if tasks else ""
    guess = quantity(1 - 1 / classes, "fraction")
    learned = f", where guessing gives {guess}: it has not learned" if never_learned(error, classes) else ""
    return f"test error {quantity(error, 'fraction')}{learned}{unanswered}{skipped}"


def _rmse_clause(metrics: Metrics) -> str:
    rmse, loss = _value(metrics, "test_rmse_sd"), _value(metrics, "test_loss_nats")
    if rmse is None:
        return f"test RMSE undefined ({_reason(metrics, 'test_rmse_sd')})"
    learned = ", where the mean alone gives 1: it has not learned" if never_learned_numbers(rmse) else ""
    return f"test RMSE {quantity(rmse, 'sd')} of the target{learned}, NLL {quantity(loss, 'nats')}"


def _information_clause(metrics: Metrics, experts: int, tested: int, about: str) -> str:
    bits = _value(metrics, INFORMATION)
    if bits is None:
        return f"what the choice of expert tells about the {about} is undefined ({_reason(metrics, INFORMATION)})"
    _, most = METRICS[INFORMATION].bounds(experts=experts, classes=tested)
    amount = "nothing" if bits == 0 else f"{digits(bits, 'bits')} of at most {quantity(most, 'bits')}"
    own = _value(metrics, ANSWER)
    answer = "" if own is None else f", and that expert's own answer {quantity(own, 'bits')} more"
    return f"the choice of expert tells {amount} about the {about}{answer}"


def _value(metrics: Metrics, name: str) -> Any:
    return metrics.get(name, {}).get("value")


def _reason(metrics: Metrics, name: str) -> str:
    return metrics.get(name, {}).get("reason") or "not in metrics.json"


def sampling_note(metrics: Metrics, samples: int) -> str:
    """The uncertainty of the error from the choice of test samples: the binomial standard error sqrt(p (1 - p) / N)."""
    error = _value(metrics, "test_error_rate")
    if error is None:
        return ""
    points = 100 * (error * (1 - error) / samples) ** 0.5
    moves = f"{points:.1f}{NBSP}points (binomial standard error)"
    return f"{ONE_SEED} {_draw(samples)} the error by about \N{PLUS-MINUS SIGN}{moves}."


def sampling_note_of_numbers(arrays: NumberArrays, name: str) -> str:
    """The meaning of sd, and the uncertainty of the RMSE from the choice of test samples.

    It is the standard error of the mean squared error, sd(e^2) / sqrt N, divided by 2 RMSE by the delta method.
    """
    square_N = np.square(arrays.error_N)
    rmse = float(np.sqrt(square_N.mean()))
    error = square_N.std() / arrays.samples**0.5 / (2 * rmse) if rmse else 0.0
    unit = f"1{NBSP}sd is the standard deviation of {name} over the training split, {arrays.target_sd:.4g}"
    moves = f"{error:.3f}{NBSP}sd (standard error)"
    return f"{unit}. {ONE_SEED} {_draw(arrays.samples)} the RMSE by about \N{PLUS-MINUS SIGN}{moves}."


def _draw(samples: int) -> str:
    return f"The choice of the {samples:,} test samples alone changes"
