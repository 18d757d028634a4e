"""docs/images/architecture.svg: the rooms on their floors, and what imports what.

``python -m docs.architecture > docs/images/architecture.svg`` draws it anew; a test says when that is due.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise
from textwrap import wrap

from docs.house import LINE_OF_DATA, PLACES, arrows, line, needed

#: in pixels of a picture that is read on a telephone too, at 0.6 of its size
WIDTH, EDGE, GUTTER, COLUMNS = 640, 12, 14, 4
COLUMN = (WIDTH - 2 * EDGE - (COLUMNS - 1) * GUTTER) / COLUMNS
TITLE, LEADING, PADDING, GAP, HEAD = 20, 19, 11, 44, 9
#: where arrows run down between the columns, and beside them
LANES = [EDGE / 2, *(EDGE + number * (COLUMN + GUTTER) - GUTTER / 2 for number in range(1, COLUMNS)), WIDTH - EDGE / 2]
#: the width of a letter of a line, on average, in a wide font
LETTER = 8.9
#: stands on its own on every floor: every room may import it, and no arrow says so
GROUND = {name for name, place in PLACES.items() if place.floor == 1}
SHOWN = [name for name in PLACES if name != "__main__"]

STYLE = """
.paper{fill:#fff}.box{fill:#f4f6f8;stroke:#aab2bb}.box.data{fill:#e3f0f9;stroke:#0072b2;stroke-width:2}
text{font-family:system-ui,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1b1f24}.name{font-size:20px;font-weight:600}
.line{font-size:16px;fill:#3d4650}.arrow{fill:none;stroke:#7a848f;stroke-width:2}.arrow.data{stroke:#0072b2}
.head{fill:#7a848f}.head.data{fill:#0072b2;stroke:none}
@media (prefers-color-scheme:dark){.paper{fill:#0d1117}.box{fill:#1a2029;stroke:#4b5561}
.box.data{fill:#10304a;stroke:#56b4e9}text{fill:#e8ecf0}.line{fill:#bcc5ce}.arrow{stroke:#8b95a0}.arrow.data{stroke:#56b4e9}
.head{fill:#8b95a0}.head.data{fill:#56b4e9}}
"""

Box = tuple[float, float, float, float]  # left, top, right, bottom
Point = tuple[float, float]


def picture() -> str:
    """The whole file."""
    boxes = place()
    height = round(max(bottom for _, _, _, bottom in boxes.values()) + EDGE)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        'role="img" aria-label="The rooms of moe-lab on their floors">',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
        *(_drawn_room(name, box) for name, box in boxes.items()),
        *(_drawn_arrow(pair, way) for pair, way in ways(boxes).items()),
        "</svg>",
    ]
    return "\n".join(drawn) + "\n"


def place() -> dict[str, Box]:
    """Where the box of each room lies: its floor as a row, the highest first, as high as its longest text asks."""
    boxes: dict[str, Box] = {}
    top: float = EDGE
    for floor in sorted({PLACES[name].floor for name in SHOWN}, reverse=True):
        rooms = [name for name in SHOWN if PLACES[name].floor == floor]
        bottom = top + max(2 * PADDING + TITLE + LEADING * len(_lines(name)) for name in rooms)
        for name in rooms:
            left = EDGE + PLACES[name].left * (COLUMN + GUTTER)
            boxes[name] = (left, top, left + _width(name), bottom)
        top = bottom + GAP
    return boxes


def ways(boxes: dict[str, Box]) -> dict[tuple[str, str], list[Point]]:
    """The points that each arrow goes through, by a bend from one to the next. It turns in the gap below its beginning,
    and runs straight down to its end; where a room is in its way it takes a lane between the columns, and turns once
    more above its end. Arrows of one side of a box share it out evenly, in the order of the rooms at their other ends;
    one that comes alone from a box above its end is straight."""
    pairs = [pair for pair in arrows(needed()) if {*pair} <= boxes.keys() and not {*pair} & GROUND]
    found = {}
    for upper, lower in pairs:
        x0 = _port(boxes, upper, lower, [end for start, end in pairs if start == upper])
        x1 = _port(boxes, lower, upper, [start for start, end in pairs if end == lower])
        y0, y1 = boxes[upper][3], boxes[lower][1] - HEAD
        if boxes[upper][0] < x1 < boxes[upper][2] and [end for _, end in pairs].count(lower) == 1:
            x0 = x1
        way = [(x0, y0), (x1, y0 + GAP - HEAD), (x1, y1)]
        between = [box for box in boxes.values() if y0 < box[1] and box[3] < y1]
        if not _is_free(x1, between):
            lanes = [x for x in LANES if _is_free(x, between)]
            x = min(lanes, key=lambda lane: abs(lane - x0) + abs(lane - x1))
            way[1:2] = [(x, y0 + GAP - HEAD), (x, y1 + HEAD - GAP)]
        found[upper, lower] = way
    return found


def bends(way: Sequence[Point]) -> list[tuple[Point, Point, Point, Point]]:
    """The Bezier curves of a way, each upright at both ends."""
    return [((x0, y0), (x0, (y0 + y1) / 2), (x1, (y0 + y1) / 2), (x1, y1)) for (x0, y0), (x1, y1) in pairwise(way)]


def _is_free(x: float, boxes: Iterable[Box]) -> bool:
    return not any(left <= x <= right for left, _, right, _ in boxes)


def _port(boxes: dict[str, Box], name: str, other: str, others: Iterable[str]) -> float:
    order = sorted(others, key=lambda room: (boxes[room][0] + boxes[room][2], room))
    left, _, right, _ = boxes[name]
    return left + (right - left) * (order.index(other) + 1) / (len(order) + 1)


def _width(name: str) -> float:
    span = PLACES[name].right - PLACES[name].left
    return COLUMN + span * (COLUMN + GUTTER)


def _lines(name: str) -> list[str]:
    return wrap(line(name), int((_width(name) - 2 * PADDING) / LETTER))


def _drawn_room(name: str, box: Box) -> str:
    left, top, right, bottom = box
    kind = " data" if name in LINE_OF_DATA else ""
    words = "".join(
        f'<text class="line" x="{left + PADDING:.1f}" y="{top + PADDING + TITLE + LEADING * row + 14:.1f}">'
        f"{escape(text)}</text>"
        for row, text in enumerate(_lines(name))
    )
    return (
        f'<g id="{name}"><rect class="box{kind}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" '
        f'height="{bottom - top:.1f}" rx="6"/><text class="name" x="{left + PADDING:.1f}" '
        f'y="{top + PADDING + 14:.1f}">{name}</text>{words}</g>'
    )


def _drawn_arrow(pair: tuple[str, str], way: list[Point]) -> str:
    kind = " data" if {*pair} <= {*LINE_OF_DATA} else ""
    start, *rest = (f"{x:.1f} {y:.1f}" for x, y in [way[0], *(point for bend in bends(way) for point in bend[1:])])
    x, y = way[-1]
    return (
        f'<g id="{pair[0]}-{pair[1]}"><path class="arrow{kind}" d="M{start}C{" ".join(rest)}"/>'
        f'<path class="head{kind}" d="M{x - 6:.1f} {y - 2:.1f}h12l-6 10z"/></g>'
    )


if __name__ == "__main__":
    print(picture(), end="")
