"""The tables of a page that sets one study under two protocols side by side, and its runs beside printed bests."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from docs.tables import DOCS, Column, Values, arms_of, kept_values, markdown

METRICS = {
    "test_error_rate": Column("test error", digits=4),
    "mutual_information_expert_prediction_bits": Column("I(E; own prediction)", digits=3),
    "sample_entropy_bits": Column("H(E given X)", digits=3),
    "usage_entropy_bits": Column("H(E), usage", digits=3),
}
PAIRS = (
    ("original + importance", "original"),
    ("original + similarity", "original"),
    ("attentive", "original"),
    ("attentive + importance", "original + importance"),
    ("attentive + similarity", "original + similarity"),
    ("original + similarity", "original + importance"),
    ("attentive + similarity", "attentive + importance"),
    ("distilled from attentive + importance", "attentive + importance"),
    ("distilled from attentive + importance", "original + importance"),
    ("distilled from attentive + similarity", "attentive + similarity"),
    ("gate as classifier", "original"),
    ("gate as classifier", "original + importance"),
    ("dense", "original + importance"),
)
#: the folders of a study's two protocols end so
PROTOCOLS = ("published", "fair")


@dataclass(frozen=True)
class Protocols:
    """Every arm's mean ± sd and setting, a row a protocol. ``folder`` is what the two folders' names begin with."""

    page: str
    folder: str
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        studies = _studies(self.folder)
        rows = [["arm", "protocol", *(column.heading for column in METRICS.values()), "setting"]]
        for arm in arms_of(studies[0][1]):
            for number, (facts, values) in enumerate(studies):
                cells = [column.mean_and_sd(values.get((arm, name), {})) for name, column in METRICS.items()]
                setting = _short(facts["arms"][arm]["settings"][0])
                rows.append(["" if number else f"**{arm}**", facts["protocol"], *cells, setting])
        return markdown(rows)


@dataclass(frozen=True)
class ProtocolPairs:
    """The differences between arms, paired by seed, a row a protocol."""

    page: str
    folder: str
    kind: ClassVar[str] = "differences"

    def text(self) -> str:
        studies = _studies(self.folder)
        rows = [["difference", "protocol", *(column.heading for column in METRICS.values())]]
        for arm, base in PAIRS:
            for number, (facts, values) in enumerate(studies):
                cells = [
                    column.paired(values.get((arm, name), {}), values.get((base, name), {}))
                    for name, column in METRICS.items()
                ]
                if any(cells):
                    rows.append(["" if number else f"{arm}, less {base}", facts["protocol"], *cells])
        return markdown(rows)


@dataclass(frozen=True)
class Bests:
    """Printed errors, each that of one run selected among several by its training error, beside that of ours which is
    selected so, and the mean, the sd and the extremes of all of ours."""

    page: str
    folder: str
    kind: ClassVar[str] = "bests"

    def text(self) -> str:
        kept = DOCS / "studies" / self.folder
        lines = json.loads((kept / "study.json").read_text())["levels"]
        values = kept_values(kept / "study-runs.csv")
        column = METRICS["test_error_rate"]
        rows = [
            [
                "arm",
                "printed, best of",
                "ours, of the lowest training error",
                "ours, mean ± sd",
                "ours, lowest and highest",
            ]
        ]
        for line in lines:
            if line["name"] == "test_error_rate" and line["published_best"] is not None:
                ours = values[line["arm"], line["name"]]
                extremes = " and ".join(column.number(end) for end in (min(ours.values()), max(ours.values())))
                printed = f"{line['published_best']:.3f}, {line['published_of']}"
                best = column.number(of_lowest_training_error(kept / "study-runs.csv", line["arm"]))
                rows.append([line["arm"], printed, best, column.mean_and_sd(ours), extremes])
        return markdown(rows)


def of_lowest_training_error(path: Path, arm: str) -> float:
    """The test error of an arm's run that has the lowest training error."""
    with path.open(newline="") as file:
        runs = [row for row in csv.DictReader(file) if (row["arm"], row["name"]) == (arm, "test_error_rate")]
    return float(min(runs, key=lambda row: float(row["train_error_rate"]))["value"])


def _studies(folder: str) -> list[tuple[dict[str, Any], Values]]:
    """The facts and values of each protocol."""
    kept = [DOCS / "studies" / f"{folder}-{protocol}" for protocol in PROTOCOLS]
    return [(json.loads((one / "study.json").read_text()), kept_values(one / "study-runs.csv")) for one in kept]


def _short(words: str) -> str:
    """trainer.lr=1e-3 as lr=1e-3"""
    return " ".join(key.rpartition(".")[2] + "=" + value for key, _, value in (w.partition("=") for w in words.split()))
