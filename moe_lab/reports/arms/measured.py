"""The metrics of arms: means with intervals, differences from a reference arm, collapse, and effects of factors."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from moe_lab.errors import RunError
from moe_lab.metrics import METRICS
from moe_lab.metrics.registry import ONE_EXPERT, parts_of
from moe_lab.reports.arms.collect import Arm, Collection
from moe_lab.reports.arms.naming import typed
from moe_lab.reports.kit.choices import ABSENT
from moe_lab.reports.kit.headline import LABELS
from moe_lab.reports.kit.level import level, sizes
from moe_lab.reports.kit.numbers import UNITS
from moe_lab.statistics import Comparison, Factorial, Incomplete, Rate, Summary, compare, factorial, rate

ERROR, LOSS, SHARE = "test_error_rate", "test_loss_nats", "information_per_usage"
BITS, USAGE = "mutual_information_expert_label_bits", "load_entropy_bits"
COLLAPSED = "collapsed"
#: a metric that only language models have
OF_TOKENS = "test_bits_per_byte"


@dataclass(frozen=True)
class Quantity:
    """A metric in a report of arms. ``difference`` is True if its fraction is itself a difference of two fractions."""

    name: str
    label: str
    unit: str
    better: str
    definition: str
    difference: bool

    @property
    def shown_unit(self) -> str:
        return "points" if self.difference else UNITS.get(self.unit, self.unit)

    @property
    def scale(self) -> float:
        """Factor from the stored number to the shown one."""
        return 100.0 if self.unit == "fraction" else 1.0

    @property
    def axis(self) -> str:
        """The label of an axis."""
        return f"{self.label} ({self.shown_unit})" if self.shown_unit else self.label


class Measured:
    """The numbers of a collection's finished runs, compared with the arm ``baseline``."""

    def __init__(self, collection: Collection, against: str | None = None) -> None:
        """Raises: RunError if ``against`` names no arm, or several, or one without a finished run."""
        self.arms = collection.arms
        self.collection = collection
        self.baseline = find_arm(self.arms, against) if against else nearest_to_the_defaults(self.arms)
        if against and not self.baseline.n:
            raise RunError(f"--against {against}: no run of this arm has finished")

    @cached_property
    def shown(self) -> tuple[Arm, ...]:
        """The arms with at least one finished run."""
        return tuple(arm for arm in self.arms if arm.n)

    @cached_property
    def quantities(self) -> dict[str, Quantity]:
        """Metrics that are one number in some run: the headline, then in the register's order, then unknown ones."""
        found = dict.fromkeys(name for arm in self.shown for one in arm.counted for name in one.scalars)
        known = list(dict.fromkeys([*LABELS["classification"], *LABELS["regression"], *METRICS]))
        place = {name: at for at, name in enumerate(known)}
        ordered = sorted(found, key=lambda name: (place.get(name.partition(": ")[0], len(place)), name))
        return {name: quantity_of(name, self._entry(name)) for name in ordered}

    def _entry(self, name: str) -> dict[str, Any]:
        whole = name.partition(": ")[0]
        having = (one.metrics for arm in self.shown for one in arm.counted if name in one.scalars)
        return next(metrics.get(name) or metrics[whole] for metrics in having)

    @cached_property
    def varying(self) -> list[str]:
        """The metrics that differ between runs: in value, or undefined in some."""
        return [name for name in self.quantities if name not in self.constant]

    @cached_property
    def constant(self) -> dict[str, float]:
        """The metrics with the same value in all runs, with that value."""
        found = {name: self._all(name) for name in self.quantities if all(self._whole(arm, name) for arm in self.shown)}
        return {name: next(iter(values)) for name, values in found.items() if len(values) == 1}

    def _whole(self, arm: Arm, name: str) -> bool:
        """Whether all runs of the arm with this metric have a value of it."""
        return len(arm.values(name)) == self.asked(arm, name)

    def asked(self, arm: Arm, name: str) -> int:
        """How many runs of the arm have the metric, with a value or undefined; 0 if it cannot have it.

        An arm of one expert in all its runs, such as a dense network, cannot have a metric of the choice of expert.
        """
        whole = name.partition(": ")[0]
        entries = [one.metrics[whole] for one in arm.counted if whole in one.metrics]
        return 0 if all(entry.get("reason") == ONE_EXPERT for entry in entries) else len(entries)

    def _all(self, name: str) -> set[float]:
        return {value for arm in self.shown for value in arm.values(name).values()}

    @cached_property
    def quality(self) -> str:
        """The metric of predictive quality: error in classification, loss in regression and for language models."""
        if any(OF_TOKENS in one.metrics for arm in self.shown for one in arm.counted):
            return LOSS
        return ERROR if any(arm.values(ERROR) for arm in self.shown) else LOSS

    @property
    def primary(self) -> list[str]:
        """The metrics of the declared family.

        Every run has them, even a collapsed one, for which I(E;Y)/H(load) is undefined.
        """
        return [name for name in (self.quality, BITS) if name in self.quantities]

    @cached_property
    def summaries(self) -> dict[str, dict[str, Summary]]:
        """metric -> key of the arm -> its summary."""
        return {
            name: {arm.key: self._summary(arm, name) for arm in self.shown if arm.values(name)}
            for name in self.quantities
        }

    def _summary(self, arm: Arm, name: str) -> Summary:
        return level(name, list(arm.values(name).values()), sizes(arm.counted[0].metrics), self._fallen(arm))

    def _fallen(self, arm: Arm) -> int:
        return int(sum(arm.values(COLLAPSED).values())) if arm.n > 1 else 0

    def undefined(self, arm: Arm, name: str) -> str:
        """``3 of 8 defined``, if the metric is defined for only some of the arm's runs; else empty."""
        defined, asked = len(arm.values(name)), self.asked(arm, name)
        return f"{defined} of {asked} defined" if 0 < defined < asked else ""

    def compared(self, arm: Arm, name: str) -> dict[tuple[str, str, str], float]:
        """The values that may be compared with those of other arms: none, if the metric is undefined for some runs."""
        return {} if self.undefined(arm, name) else arm.values(name)

    @cached_property
    def collapse(self) -> dict[str, Rate]:
        """key -> number of the arm's runs that collapsed; arms with one expert are left out."""
        found = {arm.key: list(arm.values(COLLAPSED).values()) for arm in self.shown}
        return {key: rate(int(sum(values)), len(values)) for key, values in found.items() if values}

    @cached_property
    def comparable(self) -> tuple[Arm, ...]:
        """The arms on the baseline's data set, whose errors and information are comparable with its own."""
        data = self.baseline.levels.get("dataset")
        return tuple(arm for arm in self.shown if arm.levels.get("dataset") == data)

    @cached_property
    def ranked(self) -> tuple[Arm, ...]:
        """All arms, the best first; those on other data or without a value come last."""
        means = self.summaries.get(self.quality, {})
        known = [arm for arm in self.comparable if arm.key in means and not self.undefined(arm, self.quality)]
        first = sorted(known, key=lambda arm: means[arm.key].mean)
        return tuple(first + [arm for arm in self.arms if arm not in first])

    @cached_property
    def comparisons(self) -> dict[tuple[str, str], Comparison]:
        """(key, metric) -> the arm against the baseline, in the declared family."""
        if self.baseline not in self.comparable or self.collection.single:
            return {}
        values = {
            arm.key: {name: self.compared(arm, name) for name in self.primary if self.asked(arm, name)}
            for arm in self.comparable
        }
        return {(one.arm, one.metric): one for one in compare(values, self.baseline.key, self.primary)}

    @cached_property
    def factorials(self) -> dict[str, Factorial | str]:
        """primary metric -> the analysis of variance of the varied choices, or the reason why there is none."""
        if self.collection.single or len(self.shown) < 2:
            return {}
        return {name: self._factorial(name) for name in self.primary}

    def _factorial(self, name: str) -> Factorial | str:
        # baselines are not part of the design
        mixtures = [arm for arm in self.arms if "baseline" not in arm.settings]
        arms = mixtures if len(mixtures) > 1 else self.arms
        factors = [key for key in self.collection.varying if len({arm.levels[key] for arm in arms}) > 1]
        values = {tuple(arm.levels[key] for key in factors): arm.values(name) for arm in arms}
        try:
            return factorial(factors, values)
        except Incomplete as incomplete:
            return str(incomplete)


def quantity_of(name: str, entry: dict[str, Any]) -> Quantity:
    """A metric by its entry in metrics.json and in the register; that of a layer is named ``block0.NAME``."""
    layer, bare, key = parts_of(name)
    metric = METRICS.get(bare)
    unit = str(entry.get("unit") or "")
    label = LABELS["classification"].get(bare) or LABELS["regression"].get(bare) or _plain(bare)
    label = f"{label}: {key}" if key else label
    return Quantity(
        name,
        f"{layer}: {label}" if layer else label,
        unit,
        metric.better if metric else "none",
        " ".join(metric.definition.split()) if metric else "not a metric of this version of moe-lab",
        unit == "fraction" and metric is not None and metric.low == -1,
    )


def _plain(name: str) -> str:
    """``load_max_violation`` -> ``load max violation``; a unit at the end is dropped."""
    for unit in ("_bits", "_nats", "_sd"):
        name = name.removesuffix(unit)
    return name.replace("_", " ")


def nearest_to_the_defaults(arms: Sequence[Arm]) -> Arm:
    """The arm with the fewest settings, the first on ties; arms with finished runs come first."""
    return min(arms, key=lambda arm: (arm.n == 0, len(arm.settings)))


def find_arm(arms: Sequence[Arm], against: str) -> Arm:
    """The arm that ``against`` names, by its label in the report or by words such as ``gate=softmax k=2``.

    If several fit, the one with the fewest other settings.

    Raises: RunError if none fits, or several fit equally well.
    """
    for arm in arms:
        if against in (arm.key, arm.name):
            return arm
    fitting = fitting_arms(arms, against)
    fitting = [arm for arm in fitting if len(arm.settings) == min(len(one.settings) for one in fitting)]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        raise RunError(f"--against {against}: no such arm. There are: {_listed(arms)}")
    raise RunError(f"--against {against} fits several arms equally well: {_listed(fitting)}")


def fitting_arms(arms: Sequence[Arm], words: str) -> list[Arm]:
    """The arms with all of the settings ``gate=softmax k=2``, given or as one of their levels."""
    wanted = typed(words.split())
    return [arm for arm in arms if all(_has(arm, key, value) for key, value in wanted.items())] if wanted else []


def _has(arm: Arm, key: str, value: str) -> bool:
    return value in (arm.levels.get(key), arm.settings.get(key)) and value != ABSENT


def _listed(arms: Sequence[Arm], limit: int = 8) -> str:
    names = [f"{arm.key} ({arm.words})" for arm in arms[:limit]]
    return ", ".join(names) + (f" and {len(arms) - limit} more" if len(arms) > limit else "")
