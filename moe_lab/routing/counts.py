"""Published counts of routing: how often the rows of each label value selected each expert.

Counts have no rows, so nothing can be permuted or resampled. Statistics of them are point values: no null, no interval,
no p. A Trace has all of these.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moe_lab.errors import RunError, cut
from moe_lab.routing.checks import check_integers, check_label_name, check_texts

#: the largest count; sums of counts then stay below 2^63
MOST = 2**40


@dataclass(frozen=True, kw_only=True, eq=False)
class Counts:
    """Label x layer x expert counts, without rows.

    label:  name of the label, such as ``domain``.
    values: G texts, no text twice.
    layers: layer name -> integers [G, E], in the order of the model; a layer may have its own E. int64 in memory.
    source: the source in words; ``checksum``: of that source, such as ``sha256:...``.

    Raises RunError if a table has another shape or contains an invalid count, or if a value has no counts in a layer.
    """

    label: str
    values: tuple[str, ...]
    layers: Mapping[str, np.ndarray]
    source: str = ""
    checksum: str = ""

    def __post_init__(self) -> None:
        check_label_name(self.label)
        object.__setattr__(self, "values", tuple(self.values))
        check_texts("the values of a label", self.values)
        if not self.layers or not self.values:
            raise RunError("counts have at least one layer and one value of the label")
        object.__setattr__(self, "layers", {name: self._checked(name, table) for name, table in self.layers.items()})

    def _checked(self, name: str, table: np.ndarray) -> np.ndarray:
        what = f"the counts of layer {cut(str(name))!r}"
        counts_GE = check_integers(what, table, 2, 0, MOST).astype(np.int64, copy=False)
        if len(counts_GE) != len(self.values) or counts_GE.shape[1] == 0:
            raise RunError(f"{what} are {counts_GE.shape}; expected {len(self.values)} values x at least one expert")
        never = np.flatnonzero(counts_GE.sum(1) == 0)
        if len(never):
            raise RunError(f"{what}: {cut(self.values[never[0]])!r} was never counted; leave it out")
        return counts_GE
