"""Values of a trace's measures, and the register of the measures."""

from dataclasses import dataclass
from typing import Literal

#: what a measure is of: a label in a layer, a layer, two layers (of one trace or of two), or a router's weights
Scope = Literal["label", "layer", "pair", "router"]
Unit = Literal["bits", "fraction", "ratio", "count"]


@dataclass(frozen=True)
class Measure:
    """A registered measure.

    low, high: the range of the value; ``high`` is None if it depends on the trace.
    is_information: whether it is an information or an entropy, whose plug-in value is biased. The estimate is corrected
        for that, so neither it nor the ends of its interval keep to the range.
    """

    name: str
    scope: Scope
    unit: Unit
    low: float
    high: float | None
    definition: str
    source: str
    is_information: bool = False


MEASURES: dict[str, Measure] = {}


def register(
    name: str,
    *,
    scope: Scope,
    unit: Unit,
    source: str,
    definition: str,
    low: float = 0.0,
    high: float | None = 1.0,
    is_information: bool = False,
) -> str:
    """Put a measure into the register and return its name. Raises ValueError if the name is taken."""
    if name in MEASURES:
        raise ValueError(f"measure {name} is registered already")
    MEASURES[name] = Measure(name, scope, unit, low, high, definition, source, is_information)
    return name


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One value of one measure.

    value:           plug-in; None with the ``reason``.
    null_mean:       mean over the permutations of documents, or the exact value by chance; None if there is no null.
    p, adjusted_p:   one-sided; adjusted over the family, this measure in all layers x labels. None with ``p_reason``.
    estimate:        the jackknife's, corrected for the bias of the plug-in value; the center of the interval.
    low, high:       95 % interval over documents; None with ``interval_reason``.
    documents:       number of documents that it is computed from.
    left_out:        share of the rows that it leaves out.
    """

    measure: str
    layer: str | None = None
    label: str | None = None
    unit: str
    value: float | None = None
    reason: str | None = None
    null_mean: float | None = None
    p: float | None = None
    adjusted_p: float | None = None
    p_reason: str | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    interval_reason: str | None = None
    documents: int = 0
    left_out: float = 0.0
    warnings: tuple[str, ...] = ()

    @property
    def corrected(self) -> float | None:
        """Value minus the mean of its null: 0 on average if routing does not depend on the label."""
        return None if self.value is None or self.null_mean is None else self.value - self.null_mean
