"""The tables of pages on runs that are kept as one CSV, each with its arms as rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from docs.tables import DOCS, Column, Values, arms_of, kept_values, markdown, seeds_of
from moe_lab.statistics import compare


@dataclass(frozen=True)
class Levels:
    """Mean ± sd. A row is an arm with its own name, or what ``rows`` says of it: the arm, and what the names of its
    metrics begin with."""

    page: str
    folder: str
    columns: Mapping[str, Column]
    heading: str = "arm"
    rows: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        values = kept_values(DOCS / "studies" / self.folder)
        rows = [[self.heading, *(column.heading for column in self.columns.values())]]
        for label, (arm, prefix) in (self.rows or {arm: (arm, "") for arm in arms_of(values)}).items():
            asked = seeds_of(values, arm)
            cells = [
                column.mean_and_sd(values.get((arm, prefix + name), {}), asked) for name, column in self.columns.items()
            ]
            rows.append([label, *cells])
        return markdown(rows)


@dataclass(frozen=True)
class Differences:
    """Each arm that has one of the metrics, less one of the arms, on the same seeds."""

    page: str
    folder: str
    columns: Mapping[str, Column]
    against: str
    kind: ClassVar[str] = "differences"

    def text(self) -> str:
        values = kept_values(DOCS / "studies" / self.folder)
        rows = [[f"less {self.against}", *(column.heading for column in self.columns.values())]]
        for arm in arms_of(values):
            if arm != self.against:
                asked = seeds_of(values, arm)
                cells = [
                    column.paired(values.get((arm, name), {}), values[self.against, name], asked)
                    for name, column in self.columns.items()
                ]
                rows += [[arm, *cells]] if any(cells) else []
        return markdown(rows)


@dataclass(frozen=True)
class Intervals:
    """Mean and 95 % interval, arms in the order of the first column. A star marks a difference to one of them that is
    beyond chance after Holm's correction over all cells."""

    page: str
    folder: str
    columns: Mapping[str, Column]
    against: str
    kind: ClassVar[str] = "intervals"

    def text(self) -> str:
        values = kept_values(DOCS / "studies" / self.folder)
        by_arm = {arm: {name: values[arm, name] for name in self.columns} for arm in arms_of(values)}
        starred = {(one.arm, one.metric) for one in compare(by_arm, self.against, list(self.columns)) if one.sure}
        rows = [["arm", *(column.heading for column in self.columns.values())]]
        for arm in self._order(values):
            cells = [
                column.mean_and_interval(by_arm[arm][name], "*" if (arm, name) in starred else "")
                for name, column in self.columns.items()
            ]
            rows.append([arm, *cells])
        return markdown(rows)

    def _order(self, values: Values) -> list[str]:
        first = next(iter(self.columns))

        def mean(arm: str) -> float:
            of = values[arm, first]
            return sum(of.values()) / len(of)

        return sorted(arms_of(values), key=mean)


def balancing(name: str, attribute: str, digits: int) -> tuple[Levels, Differences]:
    """Of a data set in the study of balance: loss, what experts know of a label, how even their use is."""
    loss = {"test_loss_nats": Column("loss (nats)", digits=3)}
    told = {
        f"{layer}.mutual_information_expert_label_bits": Column(f"I(E;{attribute}) {layer}, bits", digits=digits)
        for layer in ("block0", "block1")
    }
    used = {f"{layer}.load_entropy_bits": Column(f"H(load) {layer}, bits") for layer in ("block0", "block1")}
    page, folder = "studies/balancing-scope.md", f"balancing-scope/{name}/study-runs.csv"
    levels = Levels(page, folder, loss | told | used, heading="balance")
    return levels, Differences(page, folder, loss | told, against="batch")
