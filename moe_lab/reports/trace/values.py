"""The measured values of a trace, by measure, layer and label, for its report."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from moe_lab.errors import RunError
from moe_lab.metrics.traces import measure
from moe_lab.metrics.traces.written import FILE, Written, read_measures, row_of
from moe_lab.reports.kit.numbers import NBSP, UNITS, digits, signed
from moe_lab.routing.trace import NONE, LayerTrace, Trace
from moe_lab.statistics.paired import LEVEL
from moe_lab.store.atomic import write_csv
from moe_lab.store.cells import cell
from moe_lab.store.run import Run

#: the share of the experts' usage that follows a label, and the same beyond the token itself
MAIN, GIVEN_TOKEN = "slot_information_per_usage", "information_given_token_per_usage"
FIRST, ACCURACY = "first_choice_information_per_usage", "document_accuracy"


@dataclass(frozen=True)
class Values:
    """The rows of measures.csv. ``layers`` and ``labels`` are those of the trace, in its order.

    all_selected: every row of every layer selects all experts, so that measures of slots tell nothing.
    """

    rows: tuple[Written, ...]
    layers: tuple[str, ...]
    labels: tuple[str, ...]
    all_selected: bool = False

    @property
    def main(self) -> str:
        """The measure of the share of the experts' usage that follows a label."""
        return FIRST if self.all_selected else MAIN

    @property
    def of_what(self) -> str:
        """What ``main`` counts, for a text after I(E;label)/H(E)."""
        return " of first choices" if self.all_selected else ""

    @property
    def for_paper(self) -> list[str]:
        """The measures of the table for a paper."""
        return self.telling((self.main, GIVEN_TOKEN))

    def telling(self, measures: Iterable[str]) -> list[str]:
        """Those of the measures of a label that can tell something."""
        return [measure for measure in measures if measure == FIRST or not self.all_selected]

    def of(self, measure: str, layer: str, label: str = "") -> Written | None:
        """One value, or None if it was not measured."""
        return self._found.get((measure, cell(layer), cell(label)))

    def by_layer(self, measure: str, label: str = "") -> list[Written | None]:
        """A measure in every layer."""
        return [self.of(measure, layer, label) for layer in self.layers]

    def known(self, measure: str, label: str = "") -> dict[str, Written]:
        """Layer -> a measure's value, for the layers that have one."""
        pairs = zip(self.layers, self.by_layer(measure, label), strict=True)
        return {layer: row for layer, row in pairs if row is not None and row.value is not None}

    def family(self, measure: str) -> int:
        """The number of values over which the p of a measure was adjusted."""
        return sum(row.measure == measure and row.adjusted_p is not None for row in self.rows)

    @cached_property
    def _found(self) -> dict[tuple[str, str, str], Written]:
        return {(row.measure, row.layer, row.label): row for row in self.rows}


def values_of(run: Run, trace: Trace) -> Values:
    """The values in measures.csv; if the file is missing, the trace is measured and the file written.

    Raises RunError if the file is broken, or is of other layers or labels than the trace.
    """
    path = run.path / FILE
    if not path.is_file():
        write_csv(path, list(map(row_of, measure(trace))))
    layers, labels = tuple(layer.name for layer in trace.layers), trace.label_names
    values = Values(read_measures(run), layers, labels, all(map(_selects_all, trace.layers)))
    lacking = [label for label in labels if any(row is None for row in values.by_layer(MAIN, label))]
    if lacking or any(row is None for row in values.by_layer("slot_entropy_bits")):
        raise RunError(
            f"{path} is not of this trace: it lacks a layer{f' or the label {lacking[0]!r}' if lacking else ''}; "
            "remove the file, and the report measures the trace again"
        )
    return values


def _selects_all(layer: LayerTrace) -> bool:
    """Whether each row selects all experts, and it is known which it ranks first."""
    return layer.ranked and layer.slots == layer.experts > 1 and not (layer.experts_TK == NONE).any()


def sure(row: Written | None) -> bool:
    """Whether a value is beyond chance after correction."""
    return row is not None and row.adjusted_p is not None and row.adjusted_p <= LEVEL


def size(row: Written) -> float:
    """The value for comparing layers: corrected for bias, or minus chance, or plain, whichever is known first."""
    return next(one for one in (row.estimate, row.corrected, row.value, 0.0) if one is not None)


def exact(value: float, unit: str) -> str:
    """The digits of a value; a share below 1 % has two decimals, since many values are that small."""
    return signed(f"{100 * value:.2f}") if unit == "fraction" and abs(value) < 0.01 else digits(value, unit)


def exact_value(row: Written) -> str:
    """``6.9 % (4.1 to 9.7)``."""
    return f"{with_unit(size(row), row.unit)}{ends(row)}"


def with_unit(value: float, unit: str) -> str:
    name = UNITS.get(unit, unit)
    return exact(value, unit) + (f"{NBSP}{name}" if name else "")


def ends(row: Written) -> str:
    if row.low is None or row.high is None:
        return ""
    return f" ({exact(row.low, row.unit)} to {exact(row.high, row.unit)})"
