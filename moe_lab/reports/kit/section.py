"""A chapter of a report: pictures in a grid of two columns, small tables, and sentences."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.kit.table import Table
from moe_lab.store.atomic import clear_leftovers, write_text


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
    """Write the pages under their names, and the figures of their chapters; the path of report.html."""
    clear_leftovers(folder)
    for section in sections:
        for picture in section.pictures:
            picture.save(folder)
    for name, text in pages.items():
        write_text(folder / name, text)
    return folder / "report.html"
