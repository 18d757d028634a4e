"""A chapter of a report: pictures in a grid of two columns, small tables, and sentences."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.kit.table import Table
from moe_lab.store.atomic import clear_leftovers, write_text

MARKDOWN = "report.md"
#: the link below each figure of a report.md
NUMBERS = re.compile(rb"\[Numbers \(CSV\)\]\(figures/([\w-]+)\.csv\)")


@dataclass(frozen=True)
class Section:
    title: str
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def anchor(self) -> str:
        """Its anchor on the page."""
        return anchor(self.title)

    @property
    def placed(self) -> list[tuple[Picture, str]]:
        """Each picture with its layout: ``wide``, ``half`` of a pair, or ``lone`` (with its caption beside it)."""
        placed: list[tuple[Picture, str]] = []
        waiting: Picture | None = None
        for picture in self.pictures:
            if picture.wide:
                placed += [(waiting, "lone")] if waiting else []
                placed.append((picture, "wide"))
                waiting = None
            elif waiting:
                placed += [(waiting, "half"), (picture, "half")]
                waiting = None
            else:
                waiting = picture
        return placed + ([(waiting, "lone")] if waiting else [])


def anchor(title: str) -> str:
    """``Use of the experts`` -> ``use-of-the-experts``."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def write_pages(folder: Path, pages: Mapping[str, str], sections: Iterable[Section]) -> Path:
    """Write the pages under their names, and the figures of their chapters; the path of report.html.

    Figures of the report that stood there before are removed if this one has none of their name; other files stay.
    """
    clear_leftovers(folder)
    before = _figures_of(folder / MARKDOWN)
    pictures = [picture for section in sections for picture in section.pictures]
    for picture in pictures:
        picture.save(folder)
    for name, text in pages.items():
        write_text(folder / name, text)
    for stem in before - {picture.stem for picture in pictures}:
        _remove(folder / "figures", stem)
    return folder / "report.html"


def _figures_of(page: Path) -> set[str]:
    """The stems of the figures that a report.md has with their numbers; none if there is no such file."""
    if page.is_symlink() or not page.is_file():
        return set()
    return {stem.decode() for stem in NUMBERS.findall(page.read_bytes())}


def _remove(figures: Path, stem: str) -> None:
    for path in (figures / f"{stem}.svg", figures / f"{stem}.csv"):
        if not figures.is_symlink() and path.is_file():
            path.unlink()
