"""A figure as the reports use it: the drawing, the numbers behind it, and the words for those who do not see it."""

import base64
import io
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moe_lab.reports.kit.style import RC
from moe_lab.reports.kit.svg import compact
from moe_lab.store.atomic import write_csv, write_with
from moe_lab.store.folders import make_inside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = Mapping[str, Any]

#: width of a figure that stands beside another, and of one that takes the whole column, in inches
HALF, FULL = 4.6, 9.4
PIXELS_PER_INCH = 96


@dataclass(frozen=True)
class Picture:
    """``stem`` names the files; ``rows`` are the CSV; ``alt`` says what is seen; ``caption`` how to read it;
    ``width`` is in inches."""

    stem: str
    title: str
    alt: str
    caption: str
    svg: bytes
    rows: tuple[Row, ...]
    width: float

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


def draw(width: float, height: float, paint: "Callable[[Figure, Axes], None]") -> bytes:
    """The SVG that ``paint`` makes, of a size in inches: no date, no version, fixed ids, glyphs as paths."""
    # where the home folder cannot be written, a font cache in a temporary folder is as good, and nothing to tell of
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # a class name in a script that the font lacks shows as boxes; the CSV beside the figure has it right
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        canvas = FigureCanvasSVG(figure)
        paint(figure, figure.add_subplot())
        buffer = io.BytesIO()
        canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    return compact(buffer.getvalue().decode()).encode()
