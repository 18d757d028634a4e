"""The floors of the house, where the rooms stand on its picture, and what imports what, read from the sources."""

import ast
from functools import cache
from pathlib import Path
from typing import NamedTuple

import moe_lab

PACKAGE = Path(moe_lab.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))


class Place(NamedTuple):
    """A floor, and the columns of the picture from ``left`` to ``right`` that the room takes."""

    floor: int
    left: int
    right: int


#: where each room stands; a module imports from floors below its own, and from its own room
PLACES = {
    "__main__": Place(11, 0, 3),
    "cli": Place(10, 0, 3),
    "sweeps": Place(9, 0, 3),
    "experiment": Place(8, 0, 3),
    "training": Place(7, 0, 0), "evaluation": Place(7, 1, 1),
    "models": Place(6, 2, 2),
    "mixture": Place(5, 1, 1), "reports": Place(5, 3, 3),
    "data": Place(4, 0, 0), "parts": Place(4, 1, 1), "loggers": Place(4, 2, 2), "metrics": Place(4, 3, 3),
    "routing": Place(3, 1, 1), "config": Place(3, 2, 2),
    "layers": Place(2, 0, 1), "store": Place(2, 2, 2), "statistics": Place(2, 3, 3),
    "errors": Place(1, 0, 1), "tasks": Place(1, 2, 3),
}  # fmt: skip
FLOORS = {name: place.floor for name, place in PLACES.items()}
#: the rooms that a batch takes on its way, from the lowest up
LINE_OF_DATA = (
    "layers", "routing", "parts", "mixture", "training", "evaluation", "experiment", "sweeps", "cli",
)  # fmt: skip


def name_of(path: Path) -> str:
    """The module's name: moe_lab.parts.roles."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


NAMES = {name_of(path) for path in MODULES}


@cache
def imports(path: Path, *, lazy: bool = True) -> frozenset[str]:
    """The modules of moe_lab that a module imports; ``lazy``: those inside functions too."""
    found: set[str] = set()
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "moe_lab":
            inside = {f"{node.module}.{name.name}" for name in node.names}
            found |= (inside & NAMES) | ({node.module} if inside - NAMES else set())
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.split(".")[0] == "moe_lab"}
    return frozenset(found)


def room(name: str) -> str:
    """The folder, or loose file, of moe_lab that a module stands in."""
    return name.split(".")[1]


def line(name: str) -> str:
    """What a room is for: the first line of its docstring, without the full stop."""
    folder = PACKAGE / name
    path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0].removesuffix(".")


def needed() -> dict[str, set[str]]:
    """Of each room, the other rooms that its modules import."""
    rooms: dict[str, set[str]] = {name: set() for name in PLACES}
    for path in MODULES:
        if path != PACKAGE / "__init__.py":
            ours = room(name_of(path))
            rooms[ours] |= {room(name) for name in imports(path) - {"moe_lab"}} - {ours}
    return rooms


def below(name: str, rooms: dict[str, set[str]]) -> set[str]:
    """Every room that ``name`` imports, itself or by way of others. Imports run down, so this ends."""
    return rooms[name].union(*(below(other, rooms) for other in rooms[name]))


def arrows(rooms: dict[str, set[str]]) -> list[tuple[str, str]]:
    """(importer, imported) without those that follow from the others: the transitive reduction."""
    return [
        (upper, lower)
        for upper, imported in rooms.items()
        for lower in sorted(imported, key=PLACES.__getitem__)
        if not any(lower in below(other, rooms) for other in imported - {lower})
    ]
