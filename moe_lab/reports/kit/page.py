"""Pages from templates, in HTML and Markdown, with every value escaped and tables aligned."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from moe_lab.errors import printable

#: characters that are Markdown's markup; '<', '>' and '&' become entities so that no viewer reads them as HTML
_MARKUP = re.compile(r"([\\`*_{}\[\]#|~$!])")
_LINES = re.compile(r"\s*[\r\n]+\s*")


def markdown(value: Any) -> str:
    """``value`` as plain text in Markdown, also in a table cell."""
    text = printable(_LINES.sub(" ", str(value))).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _MARKUP.sub(r"\\\1", text)


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], align: str) -> str:
    """A Markdown table with columns padded to one width; ``align`` has an ``l`` or ``r`` for each column."""
    cells = [[markdown(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]
    columns = list(zip(align, widths, strict=True))
    rule = ["-" * (width - 1) + ":" if side == "r" else "-" * width for side, width in columns]
    sided = [[(cell, *column) for cell, column in zip(row, columns, strict=True)] for row in cells]
    padded = [[c.rjust(width) if side == "r" else c.ljust(width) for c, side, width in row] for row in sided]
    return "\n".join("| " + " | ".join(row) + " |" for row in (padded[0], rule, *padded[1:]))


def render_html(template: str, context: dict[str, Any]) -> str:
    return _environment(autoescape=True).get_template(template).render(context)


def render_markdown(template: str, context: dict[str, Any]) -> str:
    environment = _environment(autoescape=False)
    environment.filters["md"] = markdown
    environment.globals["table"] = table
    return environment.get_template(template).render(context)


def rendered(template: str, context: dict[str, Any]) -> dict[str, str]:
    """report.md and report.html, from the templates of that name."""
    return {
        "report.md": render_markdown(f"{template}.md", context),
        "report.html": render_html(f"{template}.html", context),
    }


def _environment(*, autoescape: bool) -> Environment:
    return Environment(
        loader=PackageLoader("moe_lab.reports"),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )


def _shown(value: Any) -> Any:
    """A value as text for a page, with control and invisible characters escaped."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
