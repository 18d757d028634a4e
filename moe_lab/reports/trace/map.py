"""Layers x measures of one label as a heat map."""

import math
from typing import TYPE_CHECKING

import numpy as np

from moe_lab.errors import number_of
from moe_lab.metrics.traces.written import Written
from moe_lab.reports.kit.heat import every_nth, shortened
from moe_lab.reports.kit.numbers import NONE
from moe_lab.reports.kit.picture import FULL, Picture, draw
from moe_lab.reports.kit.style import INK, MUTED
from moe_lab.reports.trace.lines import DRAWN, tick_names
from moe_lab.reports.trace.values import ACCURACY, FIRST, GIVEN_TOKEN, MAIN, Values, exact, sure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: measure -> label of its row
MAPPED = {
    MAIN: "I(E;label)/H(E), all slots",
    "equal_information_per_usage": "the same, labels of equal weight",
    FIRST: "I(E;label)/H(E), first choices",
    GIVEN_TOKEN: "the same, given the token id",
    ACCURACY: "label predicted of a document *",
    "effective_rank": "effective rank *",
    "domain_specialization_highest": "largest share of an expert *",
}
#: measures with values by chance even in the estimate, so their chance is subtracted
LESS_CHANCE = (ACCURACY, "effective_rank", "domain_specialization_highest")
#: colour of a cell that is not beyond chance
PALE = "#eef1f4"
#: up to this number of layers, the numbers are written into the cells
WRITTEN = 16


def shown_of(row: Written | None) -> float | None:
    """A cell of the map."""
    if row is None or row.value is None:
        return None
    return row.corrected if row.measure in LESS_CHANCE or row.estimate is None else row.estimate


def layer_map(values: Values, label: str, stem: str) -> Picture:
    """The map. Rows are measures, columns layers; cells beyond chance have a colour, on a scale for each row."""
    shown = every_nth(len(values.layers), DRAWN)
    rows = {measure: values.by_layer(measure, label) for measure in values.telling(MAPPED)}
    rows = {measure: cells for measure, cells in rows.items() if any(shown_of(cell) is not None for cell in cells)}
    cells = [[shown_of(cells[at]) for at in shown] for cells in rows.values()]
    value_ML = np.array([[math.nan if one is None else one for one in row] for row in cells], dtype=np.float64)
    most_M1 = np.nanmax(value_ML, axis=1, keepdims=True)
    share_ML = np.clip(value_ML / np.where(most_M1 > 0, most_M1, 1.0), 0.0, 1.0)
    sure_ML = np.array([[sure(cells[at]) for at in shown] for cells in rows.values()])

    ticks = tick_names(values.layers)

    def paint(figure: "Figure", axes: "Axes") -> None:
        from matplotlib.colors import ListedColormap

        axes.imshow(np.zeros_like(share_ML), cmap=ListedColormap([PALE]), aspect="auto")
        beyond_ML = np.ma.masked_where(~sure_ML, share_ML)
        axes.imshow(beyond_ML, cmap="Blues", vmin=-0.15, vmax=1.1, aspect="auto", interpolation="nearest")
        axes.set_xticks(np.arange(1, len(shown)) - 0.5, minor=True)
        axes.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
        axes.grid(which="minor", color="white", linewidth=0.8)
        axes.tick_params(which="minor", length=0)
        axes.set_yticks(range(len(rows)), [MAPPED[measure] for measure in rows], fontsize=8.5)
        named = list(range(len(shown)))[:: math.ceil(len(shown) / 12)]
        axes.set_xticks(named, [ticks[shown[at]] for at in named], fontsize=7.5, parse_math=False)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        if len(shown) <= WRITTEN:
            _write(axes, value_ML, share_ML, sure_ML)

    name = shortened(label)
    tests = any(cell is not None and cell.adjusted_p is not None for cells in rows.values() for cell in cells)
    colours = (
        "Blue cells are beyond chance, p at most .05 after correction over all layers and labels. Each row has its own "
        "colour scale, up to its largest value."
        if tests
        else "No cell is blue, as those beyond chance would be, because nothing is tested."
    )
    caption = (
        f"One row per measure of the label {name}, one column per layer, in the order of the model; in percent. "
        f"{colours} Estimates are corrected for the bias of few documents"
    )
    caption += "; rows with * are values minus their chance level." if rows.keys() & {*LESS_CHANCE} else "."
    csv = tuple(
        {"layer": layer} | {measure: shown_of(values.of(measure, layer, label)) for measure in rows}
        for layer in values.layers
    )
    beyond = sum(map(sure, rows.get(values.main, [])))
    alt = (
        f"Heat map of {number_of(len(rows), 'measure')} in {number_of(len(values.layers), 'layer')}. "
        f"I(E;{name})/H(E){values.of_what} is beyond chance in {beyond} of these."
    )
    svg = draw(FULL, 0.75 + 0.34 * len(rows), paint)
    return Picture(stem, f"Layers and measures: {name}", alt, caption, svg, csv, FULL)


def _write(axes: "Axes", value_ML: np.ndarray, share_ML: np.ndarray, sure_ML: np.ndarray) -> None:
    for row, column in np.ndindex(*value_ML.shape):
        value = float(value_ML[row, column])
        text = exact(value, "fraction") if math.isfinite(value) else NONE
        axes.text(
            column, row, text, ha="center", va="center", fontsize=8,
            
            color=_ink(float(share_ML[row, column]), bool(sure_ML[row, column])),
        )  # fmt: skip


def _ink(share: float, beyond: bool) -> str:
    if not beyond:
        return MUTED
    return "white" if share > 0.55 else INK
