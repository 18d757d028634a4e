"""A figure of a report: the drawing, its numbers, and its description for those who cannot see it."""

import base64
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from moe_lab.reports.kit.style import LIVE, RC
from moe_lab.reports.kit.svg import compact
from moe_lab.store.atomic import write_csv, write_with
from moe_lab.store.folders import make_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

Row = Mapping[str, Any]
Paint = Callable[["Figure", "Axes"], None]
#: file formats of a picture for a paper
Form = Literal["pdf", "png", "svg"]

#: width in inches of a figure beside another, and of one over the whole column
HALF, FULL = 4.6, 9.4
#: width in inches of a column in a two-column paper, and dots per inch of a PNG
COLUMN, DOTS = 3.25, 300
PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class Picture:
    """A figure with its data and texts.

    ``stem`` names its files, ``rows`` are its CSV, ``alt`` describes what is seen, and ``caption`` explains how to read
    it. ``width`` and ``height`` are in inches. ``paint`` draws it on axes of matplotlib; None for one written by
    hand.
    """

    stem: str
    title: str
    alt: str
    caption: str
    svg: bytes
    rows: tuple[Row, ...]
    width: float
    paint: Paint | None = None
    height: float = 2.9

    @property
    def data_uri(self) -> str:
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode()

    @property
    def wide(self) -> bool:
        return self.width > HALF

    @property
    def width_px(self) -> int:
        return round(self.width * PIXELS_PER_INCH)

    def save(self, folder: Path) -> None:
        """Write ``figures/STEM.svg`` and ``figures/STEM.csv`` below ``folder``."""
        figures = make_inside(folder / "figures")
        write_with(figures / f"{self.stem}.svg", lambda file: file.write(self.svg))
        write_csv(figures / f"{self.stem}.csv", self.rows)


def draw(width: float, height: float, paint: Paint) -> bytes:
    """The SVG that ``paint`` draws, with a size in inches: no date, no version, fixed ids, glyphs as paths."""
    with _painted(width, height, paint, RC) as figure:
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        buffer = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None, "Creator": None})
    return compact(buffer.getvalue().decode()).encode()


def draw_live(width: float, height: float, paint: Paint, form: Form) -> bytes:
    """The file that ``paint`` draws for a paper: text stays text, in a PDF with an embedded TrueType font."""
    dates = {"pdf": "CreationDate", "svg": "Date"}
    metadata = {dates[form]: None} if form in dates else {}
    with _painted(width, height, paint, RC | LIVE) as figure:
        buffer = io.BytesIO()
        figure.savefig(buffer, format=form, metadata=metadata, dpi=DOTS)
    return buffer.getvalue()


@contextmanager
def _painted(width: float, height: float, paint: Paint, style: "dict[RcKeyType, Any]") -> "Iterator[Figure]":
    """Context with the figure, in which its style applies."""
    # without a writable home folder the font cache is in a temporary one, which needs no warning
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(style), warnings.catch_warnings():
        # a class name in a script that the font lacks is drawn as boxes; the figure's CSV has the name itself
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure, figure.add_subplot())
        yield figure
