"""Sentences of pages, with numbers that are computed again from the kept runs, and the numbers that none carries."""

import re
from pathlib import Path
from typing import NamedTuple

from docs.tables import DOCS, kept_values
from moe_lab.statistics import difference_summary, sign_flip_p, summary

ERROR = "test_error_rate"
#: tables, code, comments, addresses of links, dates and numbers of papers hold no claims
NO_PROSE = re.compile(
    r"^\|[^\n]*|^```[\s\S]*?^```|^    [^\n]*|<!--[\s\S]*?-->|\]\([^)]*\)|`[^`]*`|arXiv:\S+|\b\d+\.\d+\.\d+\b",
    re.MULTILINE,
)
DECIMAL = re.compile(r"(?<![\w.])\d*\.\d+(?![\w.]*\d)")


class Said(NamedTuple):
    """A sentence of a page, with {} in the place of each number."""

    words: str
    numbers: tuple[str, ...]

    @property
    def text(self) -> str:
        return self.words.format(*self.numbers)


def prose(page: str) -> str:
    """The words of a page below docs, in one line, without marks of bold type."""
    return _line(NO_PROSE.sub(" ", (DOCS / page).read_text()))


def uncarried(page: str, said: list[Said]) -> list[str]:
    """The decimals of the page that stand in no sentence, in the order of the page."""
    words = prose(page)
    for one in said:
        words = words.replace(one.text, " ")
    return DECIMAL.findall(words)


def number(value: float, digits: int, sign: bool = False) -> str:
    """Without the zero before the point: .035, -.20, with ``sign`` +.02."""
    shown = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return re.sub(r"^([+-]?)0\.", r"\1.", shown)


def percent(share: float, digits: int = 1) -> str:
    return f"{number(100 * share, digits)} %"


class Kept:
    """The runs of a CSV below docs/studies."""

    def __init__(self, path: str) -> None:
        self.values = kept_values(Path(DOCS, "studies", path))

    def of(self, arm: str, name: str = ERROR) -> list[float]:
        """In the order of the seeds."""
        return [value for _, value in sorted(self.values[arm, name].items())]

    def mean(self, arm: str, name: str = ERROR, digits: int = 3) -> str:
        return number(summary(self.of(arm, name)).mean, digits)

    def pairs(self, arm: str, base: str, name: str = ERROR) -> list[float]:
        """Differences on the same seeds."""
        ours, theirs = self.values[arm, name], self.values[base, name]
        return [ours[seed] - theirs[seed] for seed in sorted(ours) if seed in theirs]

    def less(self, arm: str, base: str, name: str = ERROR, digits: int = 3, sign: bool = False) -> str:
        """The mean difference; without ``sign`` only its size."""
        mean = difference_summary(self.pairs(arm, base, name)).mean
        return number(mean if sign else abs(mean), digits, sign)

    def ends(self, arm: str, base: str, name: str = ERROR, digits: int = 3, sign: bool = False) -> str:
        """The interval of the mean difference: -.001 to .008."""
        low, high = difference_summary(self.pairs(arm, base, name)).ends or (0.0, 0.0)
        return f"{number(low, digits, sign)} to {number(high, digits, sign)}"

    def p(self, arm: str, base: str, name: str = ERROR) -> str:
        return number(sign_flip_p(self.pairs(arm, base, name)), 3)


def _line(text: str) -> str:
    return " ".join(text.replace("**", "").split())
