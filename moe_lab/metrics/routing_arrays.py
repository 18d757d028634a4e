"""The arrays that metrics of routing are computed from; every trace and every run of a mixture has them.

Axes: N samples (rows of a trace), M of them routed, E experts, C classes (the values of a label).
"""

from abc import ABC, abstractmethod
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from moe_lab.statistics.partitions import table_of
from moe_lab.tasks import Task


class RoutingArrays(ABC):
    """The experts that the samples selected, their weights, and the samples' classes.

    A metric whose argument is annotated with this class is computed for a mixture's test split (``RunArrays``) and for
    a layer and label of a trace (``TraceArrays``). Derived values are computed once, in float64. Raises Undefined, with
    the reason, for arrays that a trace lacks.
    """

    task: ClassVar[Task] = "classification"

    @property
    @abstractmethod
    def experts(self) -> int:
        """E."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """C, even if the samples lack some of them; in regression the known components, or else bins."""

    @property
    @abstractmethod
    def class_N(self) -> np.ndarray:
        """The true class, in 0 .. C-1; in regression the known component, or else the bin."""

    @property
    @abstractmethod
    def class_names(self) -> tuple[str, ...]:
        """The names of the C classes."""

    @property
    @abstractmethod
    def expert_N(self) -> np.ndarray:
        """The arg-max expert of each sample: the lowest index on ties, -1 if no expert got the sample."""

    @property
    @abstractmethod
    def usage_E(self) -> np.ndarray:
        """The mean row of the normalized weights of routed samples."""

    @property
    @abstractmethod
    def weight_entropy_M(self) -> np.ndarray:
        """Entropy in bits of the normalized weights of each routed sample."""

    @property
    @abstractmethod
    def label_weights_EC(self) -> np.ndarray:
        """Summed normalized weights of each expert over the routed samples of each true class."""

    @property
    @abstractmethod
    def router_entropy(self) -> np.ndarray:
        """Entropy in bits of the router's full distribution before selection, for the samples that have one."""

    @property
    @abstractmethod
    def router_variance(self) -> np.ndarray:
        """Variance over experts, divided by E - 1, of that distribution, of samples that have one and whose
        distribution was kept."""

    @property
    @abstractmethod
    def selected_N(self) -> np.ndarray:
        """The number of experts that each sample selected."""

    @property
    @abstractmethod
    def together_EE(self) -> np.ndarray:
        """The number of samples that selected both experts; on the diagonal, the number that selected the expert."""

    @property
    def samples(self) -> int:
        """N."""
        return len(self.class_N)

    @property
    def sizes(self) -> dict[str, Any]:
        """The sizes that bounds of metrics depend on: E, C, the number of classes among the samples, and the task."""
        tested = int(self.tested_C.sum())
        return {"experts": self.experts, "classes": self.classes, "tested": tested, "task": self.task}

    @cached_property
    def tested_C(self) -> np.ndarray:
        """Whether each class has samples."""
        return np.bincount(self.class_N, minlength=self.classes) > 0

    @cached_property
    def routed_N(self) -> np.ndarray:
        """Whether any expert got each sample."""
        return self.expert_N >= 0

    @cached_property
    def routed_count(self) -> int:
        """M."""
        return int(self.routed_N.sum())

    @cached_property
    def label_counts_EC(self) -> np.ndarray:
        """Routed samples by arg-max expert and true class."""
        return self.counts_EC(self.expert_N[self.routed_N], self.class_N[self.routed_N])

    @cached_property
    def load_E(self) -> np.ndarray:
        """Routed samples by arg-max expert."""
        return self.label_counts_EC.sum(1)

    def counts_EC(self, expert_M: np.ndarray, class_M: np.ndarray) -> np.ndarray:
        """The number of samples with each expert and class."""
        return table_of(expert_M, class_M, self.experts, self.classes)
