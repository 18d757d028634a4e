"""The options of `moe-lab report` for a paper, and the files that they ask for."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moe_lab.reports import ArmsReport
    from moe_lab.reports.paper.write import Markup, Paper

PANEL = "For a paper"


class ReportFormat(StrEnum):
    """How the arms are printed: latex and md give the table for a paper, csv and json one row per run."""

    table = "table"
    latex = "latex"
    md = "md"
    csv = "csv"
    json = "json"


class FigureForm(StrEnum):
    """File format of figures."""

    pdf = "pdf"
    svg = "svg"
    png = "png"


@dataclass(frozen=True)
class Wanted:
    """The requested parts of a paper."""

    form: ReportFormat
    figures: FigureForm | None
    columns: str | None
    rows: str | None
    external: Path | None

    @property
    def markup(self) -> "Markup | None":
        """The markup of the table; None without one."""
        return "latex" if self.form is ReportFormat.latex else "md" if self.form is ReportFormat.md else None

    def check(self) -> None:
        """Raises RunError for an option of a table or of figures that were not requested."""
        from moe_lab.errors import RunError

        given = {"--columns": self.columns, "--rows": self.rows, "--external": self.external}
        idle = next((name for name, value in given.items() if value is not None), None)
        if idle and self.markup is None and (self.figures is None or idle == "--external"):
            raise RunError(f"{idle} applies to the table for a paper: add --format latex or --format md")

    def of(self, arms: "ArmsReport") -> "Paper":
        """The files for a paper, made from these arms."""
        from moe_lab.reports.paper.external import read_external

        return arms.paper(
            self.markup,
            None if self.figures is None else self.figures.value,
            columns=self.columns,
            rows=self.rows,
            external=read_external(self.external) if self.external else (),
        )

    @property
    def any(self) -> bool:
        """Whether anything was requested."""
        return self.markup is not None or self.figures is not None
