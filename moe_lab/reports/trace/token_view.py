"""Some documents token by token: one line per layer, one cell per token with its first expert. SVG, written by hand.

Lengths are in CSS pixels. A trace does not have the names of token ids, so they are shown as numbers unless names are
given.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from moe_lab.errors import number_of, printable
from moe_lab.metrics.traces.rows import Rows
from moe_lab.reports.kit.heat import every_nth, shortened
from moe_lab.reports.kit.picture import FULL, PIXELS_PER_INCH, Picture
from moe_lab.reports.kit.style import INK, MUTED, colours, ink_on
from moe_lab.reports.trace.lines import tick_names
from moe_lab.routing.trace import LayerTrace, Trace

#: most documents, tokens of each, tokens per line, and layers that are drawn; with more than 8 layers, one line of
#: tokens
DOCUMENTS, TOKENS, LINE, LAYERS = 4, 48, 24, 16
WIDTH, LEFT, ROW = round(FULL * PIXELS_PER_INCH), 66, 15
CELL = (WIDTH - LEFT) / LINE


@dataclass(frozen=True)
class Shown:
    """One document: its number, its label, and its rows in order."""

    document: int
    title: str
    row_t: np.ndarray


def token_picture(trace: Trace, names: Sequence[str] = ()) -> Picture | None:
    """The picture; None if no layer has a first choice. ``names``: of the token ids, if there are any."""
    ranked = [layer for layer in trace.layers if layer.ranked or layer.slots == 1]
    if not ranked:
        return None
    layers = [ranked[at] for at in every_nth(len(ranked), LAYERS)]
    tokens = TOKENS if len(layers) <= LAYERS // 2 else LINE
    documents = _documents(trace, tokens)
    parts, height = [], 6.0
    shown = tick_names([layer.name for layer in layers])
    heads = _heads(trace, names)
    for one in documents:
        drawn, height = _document(heads, dict(zip(shown, layers, strict=True)), one, height)
        parts += drawn
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    font = 'font-family="system-ui,DejaVu Sans,sans-serif" font-size="9" text-anchor="middle"'
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    svg = "".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>', paper, *parts, "</svg>\n"]).encode()
    ids = "tokens" if names else "token ids"
    if trace.token_id_T is None:
        ids = "numbers of the tokens in the document, since token ids are not known"
    few = "" if len(layers) == len(ranked) else f" {len(layers)} of {len(ranked)} layers are shown."
    return Picture(
        "tokens",
        "Token by token",
        f"{number_of(len(documents), 'document')}, a cell for each of their first {tokens} tokens in "
        f"{number_of(len(layers), 'layer')}, with the number of the expert that is the first choice.",
        f"The first {tokens} tokens of {len(documents)} of {trace.documents:,} documents. A line is a layer, a cell "
        f"the expert that the token ranks first, by number and colour; above are the {ids}.{few} The same colour in "
        "another layer is another expert. These are examples; averages are in the figures above.",
        svg,
        tuple(_rows(trace, layers, documents)),
        FULL,
    )


def _documents(trace: Trace, tokens: int) -> list[Shown]:
    """One document of each value of the first label of documents, or the first documents."""
    rows = Rows.of(trace)
    name, label = next(iter(trace.document_labels.items()), ("", None))
    if label is None:
        chosen = [(document, "") for document in range(min(DOCUMENTS, trace.documents))]
    else:
        values, first = np.unique(label.value, return_index=True)
        pairs = [pair for pair in zip(first.tolist(), values.tolist(), strict=True) if pair[1] >= 0]
        chosen = [
            (document, f"{shortened(name)} = {shortened(label.names[one])}") for document, one in pairs[:DOCUMENTS]
        ]
    found = []
    for document, title in chosen:
        start = rows.start_D[document]
        places = np.arange(start, start + min(tokens, rows.length_D[document]))
        found.append(Shown(document, title, places if rows.order_T is None else rows.order_T[places]))
    return found


def _heads(trace: Trace, names: Sequence[str]) -> Callable[[int, int], str]:
    """The text above a token, given its row and its place among the drawn tokens of its document."""
    tokens = trace.token_id_T
    if tokens is None:
        return lambda row, place: str(place)
    return lambda row, place: names[tokens[row]] if names else str(tokens[row])


def _document(
    head: Callable[[int, int], str], layers: dict[str, LayerTrace], one: Shown, top: float
) -> tuple[list[str], float]:
    title = f"document {one.document}{f', {one.title}' if one.title else ''}"
    parts, y = [_text(0, top + 12, title, INK, "start", 11)], top + 18
    for start in range(0, len(one.row_t), LINE):
        here = one.row_t[start : start + LINE]
        names = [head(row, start + at) for at, row in enumerate(here.tolist())]
        parts += [_text(LEFT + CELL * (at + 0.5), y + 11, name, MUTED) for at, name in enumerate(names)]
        y += 15
        for name, layer in layers.items():
            parts.append(_text(LEFT - 6, y + 11, name, MUTED, "end"))
            parts += _cells(layer, here, y)
            y += ROW
        y += 7
    return parts, y + 10


def _cells(layer: LayerTrace, here: np.ndarray, y: float) -> list[str]:
    palette = colours(layer.experts)
    parts = []
    for at, expert in enumerate(layer.experts_TK[here, 0].tolist()):
        if expert < 0:
            continue
        x = LEFT + CELL * at
        parts.append(
            f'<path fill="{palette[expert]}" d="M{_short(x)} {_short(y)}h{_short(CELL - 1)}v{ROW - 1}H{_short(x)}"/>'
        )
        parts.append(_text(x + CELL / 2, y + 11, str(expert), ink_on(palette[expert])))
    return parts


def _text(x: float, y: float, text: str, fill: str, anchor: str = "", size: int = 0) -> str:
    anchored = f' text-anchor="{anchor}"' if anchor else ""
    sized = f' font-size="{size}"' if size else ""
    return f'<text x="{_short(x)}" y="{_short(y)}" fill="{fill}"{anchored}{sized}>{escape(printable(text))}</text>'


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _rows(trace: Trace, layers: list[LayerTrace], documents: list[Shown]) -> list[dict[str, object]]:
    return [
        {"document": one.document, "row": row}
        | ({} if trace.token_id_T is None else {"token_id": int(trace.token_id_T[row])})
        | {layer.name: int(layer.experts_TK[row, 0]) for layer in layers}
        for one in documents
        for row in one.row_t.tolist()
    ]
