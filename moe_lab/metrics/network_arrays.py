"""The files of a run that metrics of a network's mixture layers are computed from, besides the routing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moe_lab.metrics.stored import Undefined
from moe_lab.routing.trace import LayerTrace, Trace
from moe_lab.tasks import Task

Arrays = Mapping[str, np.ndarray]

ONE_EXPERT = "there is only one expert, so there is no choice"
BATCH_MATES = "a row depends on its batch-mates, so removing an expert would change those of others, too"
#: file -> why a finished run may lack it
ABSENT = {
    "ablation": BATCH_MATES,
    "retention": BATCH_MATES,
    "selections": "there is no validation split, or the training was begun by an earlier version of moe-lab",
}


@dataclass(frozen=True, eq=False)
class NetworkArrays:
    """The trace of the test split, whose documents are the samples, and the arrays of each file, by its name without
    .npz."""

    trace: Trace
    files: Mapping[str, Arrays]

    task: ClassVar[Task] = "classification"

    def file(self, name: str) -> Arrays:
        """The arrays of one file. Raises Undefined, with the reason, if the run has not stored it."""
        if name not in self.files:
            raise Undefined(ABSENT.get(name, f"{name}.npz was not stored"))
        return self.files[name]

    def require_several_experts(self) -> None:
        """Raise Undefined if no layer has several experts."""
        if all(layer.experts == 1 for layer in self.trace.layers):
            raise Undefined(ONE_EXPERT)


@dataclass(frozen=True, eq=False)
class LayerArrays(NetworkArrays):
    """The same of one layer, by its ``number`` in the trace."""

    number: int

    @property
    def layer(self) -> LayerTrace:
        return self.trace.layers[self.number]

    def require_several_experts(self) -> None:
        """Raise Undefined if the layer has only one expert."""
        if self.layer.experts == 1:
            raise Undefined(ONE_EXPERT)
