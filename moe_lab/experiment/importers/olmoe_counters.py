"""OLMoE's counters, ``routing_output/MODEL/expert_counts/DOMAIN.pkl``: the slots of a domain that went to each expert.

A file is a pickle of a list with a Counter {expert: slots} of each of some layers. Counters have no rows, so they
become Counts and no trace.

Source: scripts/run_routing_analysis.py of allenai/OLMoE.
"""

import io
import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from moe_lab.errors import DataError
from moe_lab.experiment.importers.files import Source
from moe_lab.routing.counts import Counts
from moe_lab.store.untrusted import Unusable

#: the layers that the script counts
LAYERS = (0, 7, 15)
#: bytes of a file; those of OLMoE have a few thousand
_MOST = 2**20


class Counters(pickle.Unpickler):
    """Counters whose keys are whole numbers of NumPy. Raises UnpicklingError at anything else."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("collections", "Counter"): Counter,
            ("numpy", "dtype"): _Dtype,
            ("numpy.core.multiarray", "scalar"): _whole,
            ("numpy._core.multiarray", "scalar"): _whole,
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


def read_counters(
    folder: Path | str, experts: int, *, domains: Sequence[str] | None = None, layers: Sequence[int] = LAYERS
) -> Counts:
    """The counts of a model: a value of the label ``domain`` for each file ``DOMAIN.pkl`` of the folder.

    Args:
        experts: E of each layer, which counters do not tell.
        domains: those that are read, all if None. layers: those that a file has counters of, in order.

    Raises DataError, which names the file, if it is none of these or holds anything else; and RunError if a domain was
    never counted in a layer.
    """
    there = sorted(Path(folder).glob("*.pkl"))
    paths = there if domains is None else [Path(folder) / f"{domain}.pkl" for domain in domains]
    if not paths:
        raise DataError(f"{folder} holds no DOMAIN.pkl: expected the folder expert_counts of a model")
    tables = [_table(Source(path), experts, len(layers)) for path in paths]
    return Counts(
        label="domain",
        values=tuple(path.stem for path in paths),
        layers={f"layer{number}": np.stack([one[place] for one in tables]) for place, number in enumerate(layers)},
        source=f"OLMoE's counters: {Path(folder).resolve().parent.name}",
    )


def _table(source: Source, experts: int, layers: int) -> np.ndarray:
    """[layers, experts]. Raises DataError."""
    with source.reading() as file:
        counters = _counters(file)
        if not isinstance(counters, list) or len(counters) != layers:
            raise Unusable(f"holds no list of {layers} counters, one a layer")
        return np.array([_row(counter, experts) for counter in counters])


def _counters(file: IO[bytes]) -> Any:
    content = file.read(_MOST + 1)
    if len(content) > _MOST:
        raise Unusable(f"has more than {_MOST} bytes; expected a few counters")
    try:
        return Counters(io.BytesIO(content)).load()
    except pickle.UnpicklingError as error:
        raise Unusable(f"is no pickle of counters: {error}") from None


def _row(counter: Any, experts: int) -> list[int]:
    if not isinstance(counter, Counter) or not all(type(one) is int for pair in counter.items() for one in pair):
        raise Unusable("holds something else than counters of whole numbers")
    if not all(0 <= expert < experts for expert in counter):
        raise Unusable(f"counts experts {min(counter)} to {max(counter)}; expected 0 to {experts - 1}")
    if not all(0 <= slots < 2**40 for slots in counter.values()):
        raise Unusable("holds a count below 0 or beyond 2^40")
    return [counter[expert] for expert in range(experts)]
