"""The tables of pages on studies, from the files of the studies that are kept beside them.

``python -m docs.study_tables`` writes them anew, between the marks that a page has for each; a test says when that is
due. A study's files themselves: ``python docs/studies/again.py FOLDER``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2
from typing import ClassVar, Protocol

from docs.claim_tables import Claims, Correlations
from docs.claims_twice import ClaimsTwice
from docs.protocol_tables import Bests, ProtocolPairs, Protocols
from docs.run_tables import Differences, Intervals, Levels, balancing
from docs.tables import DOCS, Column, markdown, percent
from docs.trained_twice import TrainedTwice
from moe_lab.sweeps.studies.table import shown

ERROR = percent("test error")


class AnyTable(Protocol):
    """A table: the page that has it, below docs, what it is made of, below docs/studies, and what kind of table."""

    kind: ClassVar[str]

    @property
    def page(self) -> str: ...

    @property
    def folder(self) -> str: ...

    def text(self) -> str: ...


@dataclass(frozen=True)
class Table:
    """A table of a page: a row an arm of the study in ``folder`` (below docs/studies), a column a metric, and the
    difference of the error to the arm that the others are set against."""

    page: str
    folder: str
    columns: Mapping[str, Column]
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        facts = json.loads((DOCS / "studies" / self.folder / "study.json").read_text())
        levels = {(line["arm"], line["name"]): line for line in facts["levels"]}
        differences = {line["arm"]: line for line in facts["differences"] if line["name"] == "test_error_rate"}
        against = next(arm for arm in facts["arms"] if arm not in differences)
        heading = ["arm", "setting", ERROR.heading, f"less that of {against}"]
        rows = [[*heading, *(one.heading for one in self.columns.values())]]
        for arm, one in facts["arms"].items():
            cells = [arm, _setting(one["settings"]), ERROR.level(levels[arm, "test_error_rate"])]
            cells.append(ERROR.difference(differences.get(arm)))
            rows.append(cells + [column.level(levels.get((arm, name))) for name, column in self.columns.items()])
        return markdown(rows)


@dataclass(frozen=True)
class Beside:
    """A table of the numbers that were published, beside those of the study in ``folder``, with the verdicts."""

    page: str
    folder: str
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        facts = json.loads((DOCS / "studies" / self.folder / "study.json").read_text())
        rows = shown([line for line in facts["levels"] if line["published_mean"] is not None])
        return markdown([list(rows[0]), *([*row.values()] for row in rows)])


@dataclass(frozen=True)
class ByLayer:
    """A table of what the experts of each layer follow: a row a metric, a column a layer of each arm that has one."""

    page: str
    folder: str
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        facts = json.loads((DOCS / "studies" / self.folder / "study.json").read_text())
        found: dict[str, dict[tuple[str, str], str]] = {}
        for line in facts["levels"]:
            layer, dot, _ = line["name"].partition(".")
            label = line["metric"].removesuffix(f" of {layer}")
            if dot:
                found.setdefault(label, {})[line["arm"], layer] = Column("", digits=3).level(line)
        places = list(dict.fromkeys(place for of in found.values() for place in of))
        rows = [["", *(f"{arm}, {layer}" for arm, layer in places)]]
        rows += [[label, *(of.get(place, "") for place in places)] for label, of in found.items()]
        return markdown(rows)


def _setting(settings: Sequence[str]) -> str:
    """The one setting of an arm without the groups of its keys: lr=1e-3."""
    return " ".join(re.sub(r"\S*\.(\w+=)", r"\1", one) for one in settings)


#: of studies with several pages of runs
ROUTERS = {
    "mutual_information_expert_label_bits": Column("I(E;Y), bits"),
    "information_per_usage": Column("I(E;Y)/H(load)"),
    "usage_entropy_bits": Column("H(E), bits"),
}
ONE_ACTIVE = {
    "worst_class_error_rate": percent("worst class"),
    "dead_experts": Column("dead experts", digits=1),
    "usage_entropy_bits": Column("H(E), bits"),
    "mutual_information_expert_label_bits": Column("I(E;Y), bits"),
    "unrouted_share": percent("unrouted"),
}
SECOND_SOFTMAX = {
    "test_error_rate": ERROR,
    "collapsed": percent("collapsed"),
    "dead_experts": Column("dead experts", digits=1),
    "usage_entropy_bits": Column("H(E)"),
    "mutual_information_expert_prediction_bits": Column("I(E; own prediction)"),
    "sample_entropy_bits": Column("H(E given X)", digits=3),
    "information_per_usage": Column("I(E;Y)/H(load)"),
}
MANY_EXPERTS = {
    "load_entropy_bits": Column("H(load), bits"),
    "dead_experts": Column("dead experts", digits=1),
    "sample_entropy_bits": Column("H(E given X), bits", digits=3),
    "mutual_information_expert_label_bits": Column("I(E;Y), bits"),
    "information_per_usage": Column("I(E;Y)/H(load)", digits=3),
}
SHARED = {"test_error_rate": ERROR} | MANY_EXPERTS
COMPARED = {
    name: MANY_EXPERTS[name] for name in ("load_entropy_bits", "dead_experts", "mutual_information_expert_label_bits")
}
CHAINS = {
    "bayes_gap": percent("above Bayes"),
    "block1.domain_homogeneity": Column("homogeneity"),
    "block1.domain_recovery_ari": Column("ARI of tokens"),
    "block1.document_recovery_ari": Column("ARI of documents"),
    "block1.attribute_information_per_usage: token": Column("I(E;token)/H(load)"),
}
PRECISION = {
    "test_error_rate": Column("test error", digits=4),
    "test_loss_nats": Column("test loss in nats", digits=3),
    "mutual_information_expert_label_bits": Column("I(E;Y) in bits", digits=3),
    "sample_entropy_bits": Column("H(E given X) in bits", digits=3),
}
TABLES: tuple[AnyTable, ...] = (
    *(Table("studies/routers.md", f"routers/{active}", ROUTERS) for active in ("one", "two", "any")),
    *(Beside("studies/chen2022.md", f"chen2022/{setting}") for setting in ("s1", "s2", "s3")),
    Table("studies/large-gate-batch.md", "large-gate-batch/digits", MANY_EXPERTS),
    Differences("studies/large-gate-batch.md", "large-gate-batch/digits/study-runs.csv", COMPARED, "B = 32"),
    Levels("studies/large-gate-batch.md", "large-gate-batch/processes.csv", SHARED, heading="statistics"),
    Differences("studies/large-gate-batch.md", "large-gate-batch/processes.csv", SHARED, "global"),
    Levels("language.md", "language/chains.csv", CHAINS, heading="router, experts, epochs"),
    Table(
        "studies/collapse.md",
        "collapse",
        {
            "collapsed": percent("collapsed"),
            "dead_experts": Column("dead experts", digits=1),
            "usage_entropy_bits": Column("H(E), bits"),
            "mutual_information_expert_label_bits": Column("I(E;Y), bits"),
        },
    ),
    ByLayer("studies/layers.md", "layers/digits"),
    ByLayer("studies/layers.md", "layers/text-modules"),
    Claims("studies/claims.md", "claims"),
    ClaimsTwice("studies/claims.md", "claims"),
    Correlations("studies/claims.md", "claims"),
    Table(
        "continual.md",
        "continual",
        {
            "forgetting": percent("forgetting"),
            "forgetting_within_task": percent("within the task"),
            "learning_accuracy": percent("learning accuracy"),
            "routing_kept_share": percent("routing kept"),
            "oracle_error_rate": percent("oracle error"),
        },
    ),
    *(Table("one-active-expert.md", f"one-active-expert/{data}", ONE_ACTIVE) for data in ("digits", "mnist")),
    Protocols("studies/krishnamurthy2023.md", "krishnamurthy2023/mnist"),
    ProtocolPairs("studies/krishnamurthy2023.md", "krishnamurthy2023/mnist"),
    Bests("studies/krishnamurthy2023.md", "krishnamurthy2023/fashion_mnist-published"),
    Protocols("studies/krishnamurthy2023.md", "krishnamurthy2023/fashion_mnist"),
    ProtocolPairs("studies/krishnamurthy2023.md", "krishnamurthy2023/fashion_mnist"),
    *balancing("digits", "class", 2),
    *balancing("markov-languages", "chain", 2),
    *balancing("text-modules", "domain", 3),
    *balancing("text-folder", "domain", 3),
    Intervals("studies/mixture-layers.md", "mixture-layers/runs.csv", {"test_error_rate": ERROR}, "mixture layers"),
    Differences("studies/mixture-layers.md", "mixture-layers/runs.csv", {"test_error_rate": ERROR}, "mixture layers"),
    Levels(
        "studies/mixture-layers.md",
        "mixture-layers/runs.csv",
        {
            f"attribute_information_per_usage: {attribute}": Column(heading)
            for attribute, heading in {
                "class": "class of the image",
                "position": "place of the patch",
                "patch_ink": "ink of the patch",
            }.items()
        },
        heading="layer",
        rows={layer: ("mixture layers", f"{layer}.") for layer in ("block0", "block1")},
    ),
    TrainedTwice("studies.md"),
    Levels("studies/second-softmax.md", "second-softmax/runs.csv", SECOND_SOFTMAX),
    Differences("studies/second-softmax.md", "second-softmax/runs.csv", SECOND_SOFTMAX, "one softmax"),
    Levels(
        "../README.md",
        "readme/runs.csv",
        {
            "test_error_rate": ERROR,
            "mutual_information_expert_label_bits": Column("I(E;Y), bits"),
            "information_per_usage": Column("I(E;Y)/H(load)"),
            "usage_entropy_bits": Column("usage entropy H(E), bits"),
            "sample_entropy_bits": Column("sample entropy H(E given X), bits"),
        },
    ),
    *(Levels("speed.md", f"precision/{data}.csv", PRECISION, heading="run") for data in ("digits", "mnist")),
    Intervals(
        "tutorial.md",
        "tutorial/gates.csv",
        {
            "test_error_rate": Column("test error (%)", 100.0, 1, (0, 1)),
            "mutual_information_expert_label_bits": Column("information I(E;Y) (bits)", bounds=(0, log2(5))),
        },
        "softmax",
    ),
)
END = "\n<!-- end of table -->"


def renewed(page: str, tables: Sequence[AnyTable] = TABLES) -> str:
    """The page with its tables as they are now. Raises ValueError if it has no place for one."""
    text = (DOCS / page).read_text()
    for table in tables:
        if table.page == page:
            begin = f"<!-- {table.kind} of {table.folder}: python -m docs.study_tables -->\n"
            before, found, rest = text.partition(begin)
            if not found or END not in rest:
                raise ValueError(f"{page}: no place for the {table.kind} of {table.folder}: {begin.strip()}")
            text = before + begin + table.text() + rest[rest.index(END) :]
    return text


if __name__ == "__main__":
    for name in dict.fromkeys(table.page for table in TABLES):
        (DOCS / name).write_text(renewed(name))
