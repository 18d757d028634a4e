"""The folder for a paper: table, methods and references in LaTeX or Markdown, and figures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.kit.picture import Form
from moe_lab.reports.paper.chosen import choose
from moe_lab.reports.paper.external import External
from moe_lab.reports.paper.figures import figures
from moe_lab.reports.paper.markup import latex_methods, latex_table, markdown_methods, markdown_table
from moe_lab.reports.paper.methods import methods
from moe_lab.reports.paper.references import bibtex
from moe_lab.reports.paper.sources import sources_used
from moe_lab.reports.paper.table import arm_table
from moe_lab.store.atomic import write_text, write_with
from moe_lab.store.folders import make_inside

Markup = Literal["latex", "md"]
#: markup -> the suffix of its files
SUFFIX: dict[Markup, str] = {"latex": "tex", "md": "md"}


class Paper:
    """The contents for a paper, fixed when it is made; ``write`` writes it.

    ``table`` is the text of the table, empty if none was requested.
    """

    def __init__(
        self,
        measured: Measured,
        markup: Markup | None,
        form: Form | None,
        *,
        columns: str | None = None,
        rows: str | None = None,
        external: Sequence[External] = (),
    ) -> None:
        """Raises: RunError if a row, a column, or the column of a published number does not exist."""
        chosen = choose(measured, columns, rows)
        self._texts: dict[str, str] = {}
        self.table = ""
        if markup is not None:
            table, sentences = arm_table(chosen, external), methods(chosen)
            self.table = latex_table(table) if markup == "latex" else markdown_table(table)
            prose = latex_methods(sentences) if markup == "latex" else markdown_methods(sentences)
            printed = [(f"the numbers of {one.name}", one.source) for one in external]
            self._texts = {
                f"table.{SUFFIX[markup]}": self.table,
                f"methods.{SUFFIX[markup]}": prose,
                "references.bib": bibtex([*sources_used(chosen), *printed]),
            }
        self._figures = {} if form is None else {f"{one.stem}.{form}": one.content for one in figures(chosen, form)}

    def write(self, report: Path) -> Path:
        """Write the folder ``paper`` beside a report, and return it."""
        folder = make_inside(report / "paper")
        for name, text in self._texts.items():
            write_text(folder / name, text)
        if self._figures:
            drawn = make_inside(folder / "figures")
            for name, content in self._figures.items():
                _write_bytes(drawn / name, content)
        return folder


def _write_bytes(path: Path, content: bytes) -> None:
    write_with(path, lambda file: file.write(content))
