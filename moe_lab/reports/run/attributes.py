"""In what the experts specialize: information of the choice of expert about every attribute of the test samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moe_lab.reports.kit.heat import shortened
from moe_lab.reports.kit.numbers import NONE, quantity
from moe_lab.reports.kit.picture import HALF, Picture, draw
from moe_lab.reports.kit.style import ACCENT, INK, MUTED, RULE
from moe_lab.reports.kit.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Metrics = Mapping[str, Mapping[str, Any]]

VALUE = "attribute_information_per_usage"
#: the metrics of a row: the information and its null, then the same beyond the class
COLUMNS = {
    "told": VALUE,
    "null": "attribute_information_null_per_usage",
    "null_95": "attribute_information_null_95_per_usage",
    "given_class_bits": "attribute_given_class_bits",
    "given_class_null_bits": "attribute_given_class_null_bits",
    "given_class_null_95_bits": "attribute_given_class_null_95_bits",
}
#: attributes that moe-lab computes -> their names
NAMES = {"kmeans_pixels": "cluster of the inputs"}
#: p-value corrected over attributes; runs of earlier versions have none
P_VALUE = "attribute_corrected_p_value"
#: largest p of an attribute that is followed beyond the class
ALPHA = 0.05
MOST = 20
BAR = "#4d9cc9"


@dataclass(frozen=True)
class Attribute:
    """The row of an attribute.

    It has I(E;A)/H(load) with mean and 95 % point of its null, and I(E;A|Y) with the same, in bits, and its p-value
    corrected over the attributes.
    """

    name: str
    told: float
    null: float
    null_95: float
    given_class_bits: float
    given_class_null_bits: float
    given_class_null_95_bits: float
    corrected_p: float | None = None

    @property
    def free(self) -> bool:
        """Whether the attribute varies among samples of one class."""
        return self.given_class_null_95_bits > 1e-12

    @property
    def beyond_class(self) -> bool:
        return self.free and self.corrected_p is not None and self.corrected_p <= ALPHA


def attributes(metrics: Metrics) -> list[Attribute]:
    """The rows of metrics.json in falling order of information; none if they are undefined."""
    found = {column: metrics.get(name, {}).get("value") for column, name in COLUMNS.items()}
    values = {column: value for column, value in found.items() if value is not None}
    if len(values) < len(COLUMNS):
        return []
    p = metrics.get(P_VALUE, {}).get("value") or {}
    rows = [
        Attribute(name, **{column: values[column][name] for column in COLUMNS}, corrected_p=p.get(name))
        for name in values["told"]
    ]
    return sorted(rows, key=lambda row: -row.told)[:MOST]


def attribute_bars(rows: Sequence[Attribute], one: str, samples: int) -> Picture:
    """One bar per attribute; ``one`` is the word for a value of the target, such as "class"."""
    widest = max(1.0, *(100 * max(row.told, row.null_95) for row in rows))

    def paint(figure: "Figure", axes: "Axes") -> None:
        for place, row in enumerate(rows):
            told, null = 100 * row.told, 100 * row.null
            axes.barh(place, min(told, null), height=0.62, color=BAR)
            axes.barh(place, max(told - null, 0), left=null, height=0.62, color=ACCENT if row.beyond_class else MUTED)
            axes.plot([100 * row.null_95] * 2, [place - 0.42, place + 0.42], color=INK, linewidth=1.4)
            end = max(told, 100 * row.null_95)
            axes.text(end + 0.02 * widest, place, f"{told:.0f} %", va="center", fontsize=8.5, color=INK)
        names = [shortened(NAMES.get(row.name, row.name)) for row in rows]
        axes.set_yticks(range(len(rows)), names, fontsize=8.5, color=INK, parse_math=False)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(0, min(1.14 * widest, 114))
        axes.set_xlabel("I(E;A)/H(load) (%)", loc="right")
        axes.set_title("attribute A")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", color=RULE)

    told = "; ".join(f"{row.name} {100 * row.told:.1f} % ({100 * row.null_95:.1f} %)" for row in rows)
    return Picture(
        "attributes",
        "What the choice of expert follows",
        "Bars, one per attribute: the share of the experts' use that follows it, and the 95 % point of chance: "
        f"{told}.",
        f"The share of the experts' use that follows each attribute of the {samples:,} test samples. Light: the share "
        f"if samples are permuted within their {one}, which is due to the {one} alone. Dark: the share beyond that, "
        "blue if it is more than chance (p at most .05, corrected over the attributes). Tick: the 95 % point of 199 "
        "permutations.",
        draw(HALF, 1.1 + 0.3 * len(rows), paint),
        tuple(vars(row) for row in rows),
        HALF,
    )


def attribute_table(rows: Sequence[Attribute], one: str) -> Table:
    """The same in numbers, with the information beyond the class in bits."""
    return Table(
        "Attributes in numbers",
        ("attribute", "I(E;A)/H(load)", f"by the {one} alone", f"beyond the {one}", "by chance", "p", "verdict"),
        "lrrrrrl",
        tuple(
            (
                NAMES.get(row.name, row.name),
                quantity(row.told, "fraction"),
                quantity(row.null, "fraction"),
                quantity(row.given_class_bits, "bits"),
                f"below {quantity(row.given_class_null_95_bits, 'bits')}" if row.free else NONE,
                NONE if row.corrected_p is None or not row.free else f"{row.corrected_p:.3f}",
                _verdict(row, one),
            )
            for row in rows
        ),
        f"Beyond the {one}: I(E;A|Y), the expert's information about the attribute among samples of one {one}. By "
        f"chance: its 95 % point over 199 permutations within the {one}. p: corrected over the attributes by these "
        "permutations, at least .005. Numeric attributes are cut into tenths.",
    )


def _verdict(row: Attribute, one: str) -> str:
    if not row.free:
        return f"follows from the {one}"
    if row.corrected_p is None:
        return "no p-value: an earlier version of moe-lab measured it"
    return f"more than the {one}" if row.beyond_class else f"no more than the {one}"
