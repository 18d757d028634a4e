"""The tables of the page on claims: the predictions with their verdicts, and specialization against loss."""

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from docs.tables import DOCS, markdown
from moe_lab.statistics import partial_correlation
from moe_lab.sweeps.studies.claims import claim_names, read_claim
from moe_lab.sweeps.studies.file import Choice
from moe_lab.sweeps.studies.predictions import shown_predictions, verdict_text

#: what a model is worth, and what specialization is measured by, in mixtures and in the last layer of networks
OF_QUALITY = ("test_loss_nats", "test_error_rate")
SPECIALIZATION = ("mutual_information_expert_label_bits", "block1.mutual_information_expert_label_bits")
LOSS = "test_loss_nats"


@dataclass(frozen=True)
class Claims:
    """The tables of a page on claims: a section for each claim whose studies are kept in ``folder``, in the order of
    the claims' file, and in it a row for each prediction."""

    page: str
    folder: str
    kind: ClassVar[str] = "table"

    def text(self) -> str:
        sections = [self._section(name) for name in claim_names("claims")]
        return "\n\n".join([*filter(None, sections), "\n".join(self._tally())])

    def _section(self, name: str) -> str:
        """What is claimed, what was published, and the predictions on each data set; empty if it has not been run."""
        claim = read_claim("claims", name)
        rows = [row for dataset in claim.choices.get("dataset", {"": Choice()}) for row in self._rows(name, dataset)]
        heading = ["data", "predicted", "measured, 95 % interval", "n", "verdict"]
        parts = [f"### {claim.title}", f"{claim.claim} {claim.source}: {claim.reported}", markdown([heading, *rows])]
        return "\n\n".join(parts) if rows else ""

    def _tally(self) -> list[str]:
        """How many predictions there are of each verdict: of a loss or error, and of how experts are used."""
        kept = [json.loads(path.read_text()) for path in (DOCS / "studies" / self.folder).glob("*/study.json")]
        lines = [line for facts in kept for line in facts["predictions"]]
        counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        for line in lines:
            counts[line["name"] in OF_QUALITY][line["verdict"]] += 1
        kinds = (("the loss or error", counts[True]), ("how experts are used", counts[False]))
        counted = {what: ", ".join(f"{count} {one}" for one, count in of.most_common()) for what, of in kinds}
        return [f"- Of {sum(of.values())} predictions of {what}: {counted[what]}." for what, of in kinds]

    def _rows(self, name: str, dataset: str) -> list[list[str]]:
        folder = f"{name}-{dataset}".rstrip("-")
        kept = DOCS / "studies" / self.folder / folder / "study.json"
        lines = json.loads(kept.read_text())["predictions"] if kept.is_file() else []
        rows = []
        for number, (line, cells) in enumerate(zip(lines, shown_predictions(lines), strict=True)):
            page = f"[{dataset or 'its own'}]({self.folder}/{folder}/study.md)" if number == 0 else ""
            what = f"{cells['arm']}: {cells['metric']} {cells['predicted']}"
            rows.append([page, what, cells["measured"].rpartition(" (")[0], str(line["n"]), verdict_text(line)])
        return rows


@dataclass(frozen=True)
class Correlations:
    """The table that says whether runs with more I(E;Y) have the lower loss: a row a data set, over all arms of the
    claims in ``folder`` that have both numbers. An arm that several claims have is taken once."""

    page: str
    folder: str
    kind: ClassVar[str] = "correlations"

    def text(self) -> str:
        rows = [["data", "arms", "runs", "r of I(E;Y) and loss", "p"]]
        for dataset, (x_AS, y_AS) in sorted(self.tables().items()):
            found = partial_correlation([(x_AS, y_AS)])
            rows.append([dataset, str(len(x_AS)), str(found.runs), f"{found.r:+.2f}", f"{found.p:.2g}"])
        return markdown(rows)

    def tables(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Data set -> I(E;Y) and loss of every arm and seed."""
        found: dict[str, dict[tuple[float, ...], list[float]]] = {}
        for path in sorted((DOCS / "studies" / self.folder).glob("*/study-runs.csv")):
            dataset = json.loads((path.parent / "study.json").read_text())["choices"].get("dataset", "")
            with path.open(newline="") as file:
                rows = list(csv.DictReader(file))
            for arm in dict.fromkeys(row["arm"] for row in rows):
                bits = _by_seed(rows, arm, SPECIALIZATION)
                losses = _by_seed(rows, arm, (LOSS,))
                if bits and len(bits) == len(losses):
                    found.setdefault(dataset, {})[tuple(losses)] = bits
        arrays = {name: (np.array(list(of.values())), np.array(list(of))) for name, of in found.items()}
        return {name: pair for name, pair in arrays.items() if len(pair[0]) > 1}


def _by_seed(rows: Sequence[Mapping[str, str]], arm: str, names: Sequence[str]) -> list[float]:
    """The values of one of the metrics, in the order of the seeds."""
    found = {int(row["seed"]): float(row["value"]) for row in rows if row["arm"] == arm and row["name"] in names}
    return [found[seed] for seed in sorted(found)]
