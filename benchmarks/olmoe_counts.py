"""python -m benchmarks.olmoe_counts CLONE > expert_counts.csv: OLMoE's published counts of experts, as one table.

CLONE is a clone of github.com/allenai/OLMoE (Apache-2.0, commit 357454f4 of 2025-03-14), whose folder
scripts/routing_output holds, for Mixtral 8x7B and OLMoE-1B-7B and each of five domains, how many slots went to each
expert in layers 0, 7 and 15. The files are pickles: only what these counts need is unpickled, and nothing is called.

tests/metrics/traces/test_published.py reads the table as olmoe/expert_counts.csv in the folder that MOE_LAB_DATA names.
"""

import csv
import pickle
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: folder of a model -> its name
MODELS = {"mistral": "Mixtral-8x7B", "olmoe": "OLMoE-1B-7B"}
DOMAINS = ("arxiv", "book", "c4", "github", "wikipedia")
LAYERS = (0, 7, 15)
COLUMNS = ("model", "domain", "layer", "expert", "slots")


class Counters(pickle.Unpickler):
    """Counters whose keys are whole numbers of NumPy. Raises UnpicklingError at anything else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "Counter"): Counter,
            ("numpy", "dtype"): _Dtype,
            ("numpy.core.multiarray", "scalar"): _whole,
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a table of counts")
        return allowed[module, name]


class _Dtype:
    """Stands for a NumPy type, of which nothing is needed."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _whole(_: _Dtype, data: bytes) -> int:
    return int.from_bytes(data, "little", signed=True)


def rows_of(clone: Path) -> Iterator[tuple[str, str, int, int, int]]:
    """(model, domain, layer, expert, slots), in the order of COLUMNS."""
    for folder, model in MODELS.items():
        for domain in DOMAINS:
            path = clone / "scripts" / "routing_output" / folder / "expert_counts" / f"{domain}.pkl"
            with path.open("rb") as file:
                counters = Counters(file).load()
            for layer, counter in zip(LAYERS, counters, strict=True):
                yield from ((model, domain, layer, expert, counter[expert]) for expert in sorted(counter))


if __name__ == "__main__":
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(rows_of(Path(sys.argv[1])))
