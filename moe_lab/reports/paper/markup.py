"""The table of arms and the methods in LaTeX and in Markdown."""

from collections.abc import Sequence

from moe_lab import __version__
from moe_lab.errors import printable
from moe_lab.reports.arms.measured import Quantity
from moe_lab.reports.kit.numbers import MINUS, NBSP
from moe_lab.reports.kit.page import markdown
from moe_lab.reports.paper.methods import Cite, Sentence
from moe_lab.reports.paper.references import cited
from moe_lab.reports.paper.table import ALIKE, ArmTable, Line, Value

HEADING = "Published numbers, not tested"
#: LaTeX's special characters, and characters that old engines lack; a bracket or star after a line's end is its option
_SPECIAL = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {one: f"\\{one}" for one in "{}_&%$#"}
    | {one: f"{{{one}}}" for one in "[]*"}
    | {MINUS: "$-$", NBSP: "~", "\N{EN DASH}": "--", "\N{PLUS-MINUS SIGN}": r"$\pm$", ALIKE: r"$^{\dagger}$"}
    | {"\N{SUPERSCRIPT TWO}": "$^2$", "|": r"\textbar{}", "<": r"\textless{}", ">": r"\textgreater{}", '"': "''"}
)
_LATEX_BETTER = {"lower": r" $\downarrow$", "higher": r" $\uparrow$", "none": ""}
_BETTER = {"lower": " \N{DOWNWARDS ARROW}", "higher": " \N{UPWARDS ARROW}", "none": ""}


def tex(text: str) -> str:
    """A text escaped for LaTeX."""
    return printable(text).replace("\n", " ").translate(_SPECIAL)


def latex_table(table: ArmTable) -> str:
    """A ``table`` with a ``tabular`` of booktabs.

    Published numbers cite their source; if it has no BibTeX entry, the caption names it.
    """
    choices, metrics = len(table.choices), len(table.quantities)
    head = [*map(tex, table.choices), "$n$", *map(_latex_heading, table.quantities)]
    lines = [
        f"% Made by moe-lab {__version__}. Needs \\usepackage{{booktabs}}; across two columns it is table*.",
        r"\begin{table}[t]",
        r"  \centering",
        f"  \\caption{{{' '.join(map(tex, [*table.notes, *_not_cited(table)]))}}}",
        r"  \label{tab:arms}",
        f"  \\begin{{tabular}}{{{'l' * choices}r{'l' * metrics}}}",
        r"    \toprule",
        f"    {' & '.join(head)} \\\\",
    ]
    for group in table.groups:
        lines.append(r"    \midrule")
        lines += [_latex_line([*map(tex, row.names)], row) for row in group]
    if table.external:
        lines += [r"    \midrule", f"    \\multicolumn{{{choices + 1 + metrics}}}{{l}}{{\\emph{{{HEADING}}}}} \\\\"]
    for row in table.external:
        keys = ",".join(cited(row.source))
        name = f"{tex(row.names[0])}~\\cite{{{keys}}}" if keys else tex(row.names[0])
        lines.append(_latex_line([f"\\multicolumn{{{choices}}}{{l}}{{{name}}}"], row))
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", r"\end{table}", ""])


def _not_cited(table: ArmTable) -> list[str]:
    """The sources of published numbers without an entry in the BibTeX file."""
    sources = dict.fromkeys(f"{row.names[0]}: {row.source}" for row in table.external if not cited(row.source))
    return [f"{'; '.join(sources)}."] if sources else []


def _latex_heading(quantity: Quantity) -> str:
    """A header with the name above the unit."""
    unit = f"({tex(quantity.shown_unit)})" if quantity.shown_unit else ""
    below = f"{unit}{_LATEX_BETTER[quantity.better]}".strip()
    return f"\\shortstack[l]{{{tex(quantity.label)}\\\\{below}}}" if below else tex(quantity.label)


def _latex_line(names: list[str], row: Line) -> str:
    return f"    {' & '.join([*names, tex(row.n), *map(_latex_value, row.values)])} \\\\"


def _latex_value(value: Value) -> str:
    text = f"\\textbf{{{tex(value.text)}}}" if value.best else tex(value.text)
    mark = tex(ALIKE) if value.alike else ""
    return f"{text}{mark}" + (f" {{\\small {{[}}{tex(value.beside)}{{]}}}}" if value.beside else "")


def markdown_table(table: ArmTable) -> str:
    """The same in Markdown, with the notes below it."""
    head = [*table.choices, "n", *map(_heading, table.quantities)]
    rows = [_markdown_line(list(row.names), row) for group in table.groups for row in group]
    for row in table.external:
        names = [f"{row.names[0]} ({row.source}; published)", *[""] * (len(table.choices) - 1)]
        rows.append(_markdown_line(names, row))
    align = ["---"] * len(table.choices) + ["---:"] + ["---"] * len(table.quantities)
    lines = [f"| {' | '.join(cells)} |" for cells in (list(map(markdown, head)), align, *rows)]
    return "\n".join([*lines, "", *map(markdown, table.notes), ""])


def _heading(quantity: Quantity) -> str:
    return quantity.axis + _BETTER[quantity.better]


def _markdown_line(names: list[str], row: Line) -> list[str]:
    return [*map(markdown, names), markdown(row.n), *map(_markdown_value, row.values)]


def _markdown_value(value: Value) -> str:
    text = f"**{markdown(value.text)}**" if value.best else markdown(value.text)
    return text + (ALIKE if value.alike else "") + (markdown(f" [{value.beside}]") if value.beside else "")


def latex_methods(sentences: Sequence[Sentence]) -> str:
    """The paragraph, with citations by ``\\cite``."""
    written = ["".join(_latex_piece(one) for one in sentence) for sentence in sentences]
    return "\n".join([f"% Made by moe-lab {__version__}. Cites references.bib.", *written, ""])


def _latex_piece(piece: str | Cite) -> str:
    if isinstance(piece, Cite):
        return f"~\\cite{{{','.join(piece.keys)}}}" if piece.keys else ""
    return tex(piece)


def markdown_methods(sentences: Sequence[Sentence]) -> str:
    """The paragraph, with citations for Pandoc: ``[@jacobs1991]``."""
    written = ["".join(_markdown_piece(one) for one in sentence) for sentence in sentences]
    return "\n".join([*written, ""])


def _markdown_piece(piece: str | Cite) -> str:
    if isinstance(piece, Cite):
        return f" [{'; '.join(f'@{key}' for key in piece.keys)}]" if piece.keys else ""
    return markdown(piece)
