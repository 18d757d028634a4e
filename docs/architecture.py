"""The picture of docs/architecture.md, from the imports of moe_lab.

``python -m docs.architecture > docs/images/architecture.svg`` draws it anew; a test says when that is due.
"""

import ast
import sys
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "moe_lab"
#: room -> its floor, and what it is for, in two short lines. A module imports from floors below its own.
ROOMS = {
    "errors": (1, "errors that a user", "can mend"),
    "tasks": (1, "classification,", "regression"),
    "layers": (2, "products, noise,", "stacking of runs"),
    "store": (2, "run folders,", "untrusted files"),
    "statistics": (2, "intervals, tests,", "matching of experts"),
    "config": (3, "composing with Hydra,", "checking"),
    "routing": (3, "Routing, outputs,", "combination"),
    "metrics": (3, "what stored arrays", "say"),
    "data": (4, "data sets as", "tensors"),
    "parts": (4, "roles, gates, experts,", "objectives, ..."),
    "loggers": (4, "TensorBoard,", "MLflow"),
    "reports": (4, "kit, run, arms:", "pages and figures"),
    "mixture": (5, "gate and experts,", "dispatch, costs"),
    "training": (6, "loop, optimizers,", "recipes, stacks"),
    "evaluation": (6, "the look at the", "test split"),
    "experiment": (7, "a job, its key, its", "run and folder"),
    "sweeps": (8, "plan, launchers,", "studies"),
    "cli": (9, "parse, call,", "print"),
}
FLOORS = {room: floor for room, (floor, *_) in ROOMS.items()} | {"__main__": 10}
WIDTH, ROW, TALL, GAP = 720, 104, 64, 12
STYLE = """
svg { font-family: sans-serif; background: #fff }
.room rect { fill: #eef2f7; stroke: #7a8aa0 }
.room text { fill: #1b2430; text-anchor: middle; font-size: 12px }
.room .name { font-size: 15px; font-weight: bold }
.needs { stroke: #7a8aa0; stroke-width: 1.2; fill: none; marker-end: url(#tip) }
#tip path { fill: #7a8aa0 }
@media (prefers-color-scheme: dark) {
  svg { background: #14181d }
  .room rect { fill: #222b36; stroke: #8fa1b8 }
  .room text { fill: #e6ebf1 }
}
"""


def name_of(path: Path) -> str:
    """The dotted name of a module of moe_lab."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def imports(path: Path, *, lazy: bool = True) -> set[str]:
    """The modules of moe_lab that a module imports; ``lazy``: those inside functions too."""
    names = {name_of(one) for one in PACKAGE.rglob("*.py")}
    found = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "moe_lab":
            inside = {f"{node.module}.{name.name}" for name in node.names}
            found |= (inside & names) | ({str(node.module)} if inside - names else set())
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] == "moe_lab"}
    return found


def needs() -> dict[str, set[str]]:
    """Room -> the rooms that its modules import from."""
    found: dict[str, set[str]] = {room: set() for room in ROOMS}
    for path in PACKAGE.rglob("*.py"):
        room, *_ = path.relative_to(PACKAGE).with_suffix("").parts
        if room in ROOMS:
            found[room] |= {name.split(".")[1] for name in imports(path) if "." in name} - {room}
    return found


def drawn(graph: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
    """The arrows that are drawn: none where a way over other rooms says the same."""
    below: dict[str, set[str]] = {}
    for room in sorted(graph, key=FLOORS.__getitem__):
        below[room] = graph[room].union(*(below[one] for one in graph[room]))
    for room, direct in graph.items():
        for one in sorted(direct):
            if not any(one in below[other] for other in direct - {one}):
                yield room, one


def picture() -> str:
    """The SVG: a row a floor, the highest on top."""
    highest = max(floor for floor, *_ in ROOMS.values())
    place: dict[str, tuple[float, float, float]] = {}
    by_floor = sorted(ROOMS, key=lambda room: -ROOMS[room][0])
    for floor, group in groupby(by_floor, key=lambda room: ROOMS[room][0]):
        rooms = list(group)
        wide = min(170.0, (WIDTH - GAP * (len(rooms) + 1)) / len(rooms))
        left = (WIDTH - len(rooms) * wide - GAP * (len(rooms) - 1)) / 2
        for number, room in enumerate(rooms):
            place[room] = (left + number * (wide + GAP), GAP + (highest - floor) * ROW, wide)
    lines = []
    for room, other in drawn(needs()):
        (x, y, wide), (to_x, to_y, to_wide) = place[room], place[other]
        lines.append(
            f'<path class="needs" d="M{x + wide / 2:.0f} {y + TALL:.0f} L{to_x + to_wide / 2:.0f} {to_y - 3:.0f}"/>'
        )
    boxes = []
    for room, (x, y, wide) in place.items():
        middle, texts = x + wide / 2, [room, *ROOMS[room][1:]]
        words = "".join(
            f'<text class="{kind}" x="{middle:.0f}" y="{y + 21 + 17 * number:.0f}">{escape(text)}</text>'
            for number, (kind, text) in enumerate(zip(("name", "line", "line"), texts, strict=True))
        )
        boxes.append(
            f'<g class="room"><rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{TALL}" rx="6"/>{words}</g>'
        )
    height = (highest - 1) * ROW + TALL + 2 * GAP
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            "<title>The rooms of moe_lab: each imports from floors below it</title>",
            f"<style>{STYLE}</style>",
            f'<defs>{tip}<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            *lines,
            *boxes,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    sys.stdout.write(picture())
