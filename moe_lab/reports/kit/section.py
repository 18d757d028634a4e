"""A chapter of a report: pictures in a grid of two columns, small tables, and plain sentences where neither can be."""

import re
from dataclasses import dataclass

from moe_lab.reports.kit.picture import Picture
from moe_lab.reports.kit.table import Table


@dataclass(frozen=True)
class Section:
    title: str
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()

    @property
    def anchor(self) -> str:
        """The name of its place on the page."""
        return anchor(self.title)

    @property
    def placed(self) -> list[tuple[Picture, str]]:
        """Each picture with its place: ``wide``, ``half`` of a pair, or ``lone`` (its caption stands beside it)."""
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
