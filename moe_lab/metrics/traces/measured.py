"""What a measure of a trace found, and the register of the measures."""

from dataclasses import dataclass
from typing import Literal

#: of a label in a layer, of a layer, of two layers (of one trace or of two), of a router's weights
Scope = Literal["label", "layer", "pair", "router"]
Unit = Literal["bits", "fraction", "ratio", "count"]


@dataclass(frozen=True)
class Measure:
    """A registered measure. ``high`` is None where it has no bound that does not depend on the trace."""

    name: str
    scope: Scope
    unit: Unit
    low: float
    high: float | None
    definition: str
    source: str


MEASURES: dict[str, Measure] = {}


def register(
    name: str, *, scope: Scope, unit: Unit, source: str, definition: str, low: float = 0.0, high: float | None = 1.0
) -> str:
    """Put a measure into the register and return its name. Raises ValueError if the name is taken."""
    if name in MEASURES:
        raise ValueError(f"measure {name} is registered already")
    MEASURES[name] = Measure(name, scope, unit, low, high, definition, source)
    return name


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One value of one measure.

    value:           plug-in; None with the ``reason``.
    null_mean:       mean over the permutations of documents, or what chance gives exactly; None if there is no null.
    p, adjusted_p:   one-sided; adjusted over the family, this measure in all layers x labels. None with ``p_reason``.
    estimate:        the jackknife's, without the bias of the plug-in value; the interval lies around it.
    low, high:       95 % interval over documents; None with ``interval_reason``.
    documents:       documents that it is of.
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
        """Value less the mean of its null: 0 on average where the label means nothing."""
        return None if self.value is None or self.null_mean is None else self.value - self.null_mean
