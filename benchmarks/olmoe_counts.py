"""python -m benchmarks.olmoe_counts CLONE > expert_counts.csv: OLMoE's published counts of experts, as one table.

CLONE is a clone of github.com/allenai/OLMoE (Apache-2.0, commit 357454f4 of 2025-03-14), whose folder
scripts/routing_output holds, for Mixtral 8x7B and OLMoE-1B-7B and each of five domains, the number of slots of each
expert in layers 0, 7 and 15.

tests/metrics/traces/test_published.py reads the table as olmoe/expert_counts.csv in the folder that MOE_LAB_DATA names.
"""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from moe_lab.experiment.importers.olmoe_counters import read_counters

#: folder of a model -> its name, and the number of experts of a layer
MODELS = {"mistral": ("Mixtral-8x7B", 8), "olmoe": ("OLMoE-1B-7B", 64)}
DOMAINS = ("arxiv", "book", "c4", "github", "wikipedia")
COLUMNS = ("model", "domain", "layer", "expert", "slots")


def rows_of(clone: Path) -> Iterator[tuple[str, str, int, int, int]]:
    """(model, domain, layer, expert, slots), in the order of COLUMNS."""
    for folder, (model, experts) in MODELS.items():
        path = clone / "scripts" / "routing_output" / folder / "expert_counts"
        counts = read_counters(path, experts, domains=DOMAINS)
        for place, domain in enumerate(counts.values):
            for layer, table in counts.layers.items():
                number = int(layer.removeprefix("layer"))
                yield from ((model, domain, number, e, int(slots)) for e, slots in enumerate(table[place]) if slots)


if __name__ == "__main__":
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows_of(Path(sys.argv[1])))
