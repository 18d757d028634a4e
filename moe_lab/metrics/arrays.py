"""The checked arrays of a run that metrics are computed from.

These are routing.npz, evaluation.npz, quantities that several metrics share, and the run's other files, read on demand.

Axes: N test samples, M routed test samples (at least one positive weight), E experts, C classes.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from moe_lab.errors import RunError
from moe_lab.metrics.bins import BINS, bins
from moe_lab.metrics.formulas import arg_max, entropy_bits, weighted_table
from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.metrics.stored import Arrays, History, InFolder, InMemory, Stored
from moe_lab.store.run import Run
from moe_lab.store.schema import COST, check_arrays, task_of


@dataclass(frozen=True, eq=False)
class RunArrays(RoutingArrays):
    """The test split as a finished run stored it, and quantities derived from it, each computed once.

    Built by ``from_files`` or ``from_run``, which check it: ClassArrays or NumberArrays. Derived values are float64,
    computed from the stored float32. ``stored(name)`` and ``history`` read the run's other files on demand.
    """

    sample_index_N: np.ndarray
    label_N: np.ndarray
    prediction_N: np.ndarray
    probs_NE: np.ndarray
    weights_NE: np.ndarray
    selected_NE: np.ndarray
    gate_logits_NE: np.ndarray | None
    expert_log_prob_true_NE: np.ndarray
    overflow_N: np.ndarray | None
    parameters_total: int
    parameters_active: int
    multiply_adds_total: int
    multiply_adds_active: int
    source: Stored

    @staticmethod
    def from_files(files: Mapping[str, Arrays], history: History = ()) -> "ClassArrays | NumberArrays":
        """Check ``files`` and build from them: name (without .npz) -> arrays, "routing", "evaluation" and any others.

        Raises: RunError if an array of these two is missing, has a wrong shape or type, or has values that no finished
        run writes.
        """
        return RunArrays._taken(files["routing"], files["evaluation"], InMemory(files, history))

    @staticmethod
    def _taken(routing: Arrays, evaluation: Arrays, source: Stored) -> "ClassArrays | NumberArrays":
        check_arrays(routing, evaluation)
        task = task_of(routing)
        # check_arrays has checked their types
        common: dict[str, Any] = {
            "sample_index_N": routing["sample_index"],
            "label_N": routing["label"],
            "prediction_N": routing["prediction"],
            "probs_NE": routing["probs"],
            "weights_NE": routing["weights"],
            "selected_NE": routing["selected"],
            "gate_logits_NE": routing.get("gate_logits"),
            "expert_log_prob_true_NE": routing["expert_log_prob_true"],
            "overflow_N": routing.get("overflow"),
            "source": source,
            **{name: int(evaluation[name]) for name in COST},
        }
        if task == "classification":
            return ClassArrays(
                log_probs_NC=routing["log_probs"], expert_prediction_NE=routing["expert_prediction"], **common
            )
        names = evaluation["component_names"] if "component" in routing else ()
        return NumberArrays(
            log_density_N=routing["log_density"],
            expert_mean_NE=routing["expert_mean"],
            expert_variance_NE=routing["expert_variance"],
            component_N=routing.get("component"),
            component_names=tuple(map(str, names)),
            target_mean=float(evaluation["target_mean"]),
            target_sd=float(evaluation["target_sd"]),
            **common,
        )

    @staticmethod
    def from_run(run: Run) -> "ClassArrays | NumberArrays":
        """The arrays of a run folder. Raises RunError as ``from_files`` does; its text names the folder."""
        routing, evaluation = run.routing, run.arrays("evaluation")
        try:
            return RunArrays._taken(routing, evaluation, InFolder(run))
        except RunError as error:
            raise RunError(f"{run.path}: {error}") from None

    def stored(self, name: str) -> Arrays:
        """The arrays of NAME.npz, such as "assignments". Raises Undefined, with the reason, if it was not stored."""
        return self.source.file(name)

    @property
    def history(self) -> History:
        """The rows of history.csv, one per epoch; None is an empty cell."""
        return self.source.history

    @property
    @abstractmethod
    def log_likelihood_N(self) -> np.ndarray:
        """log q(y) of the mixture in nats."""

    @property
    def experts(self) -> int:
        return self.weights_NE.shape[1]

    @cached_property
    def normalized_weights_ME(self) -> np.ndarray:
        """The weights of the routed samples, each row divided by its sum."""
        return normalized(self.weights_NE[self.routed_N])

    @cached_property
    def expert_N(self) -> np.ndarray:
        return arg_max(self.weights_NE)

    @cached_property
    def usage_E(self) -> np.ndarray:
        return self.normalized_weights_ME.mean(0)

    @cached_property
    def weight_entropy_M(self) -> np.ndarray:
        return entropy_bits(self.normalized_weights_ME)

    @cached_property
    def label_weights_EC(self) -> np.ndarray:
        return weighted_table(self.normalized_weights_ME, self.class_N[self.routed_N], self.classes)

    @cached_property
    def router_entropy(self) -> np.ndarray:
        return entropy_bits(self.probs_NE[(self.probs_NE > 0).any(1)])

    @cached_property
    def router_variance(self) -> np.ndarray:
        variance_N: np.ndarray = self.probs_NE[(self.probs_NE > 0).any(1)].astype(np.float64).var(1, ddof=1)
        return variance_N

    @property
    def selected_N(self) -> np.ndarray:
        return self.selected_NE.sum(1)

    @property
    def together_EE(self) -> np.ndarray:
        return self.selected_NE.T.astype(np.float64) @ self.selected_NE


@dataclass(frozen=True, eq=False)
class ClassArrays(RunArrays):
    """A run of classification."""

    task = "classification"

    log_probs_NC: np.ndarray
    expert_prediction_NE: np.ndarray

    @property
    def classes(self) -> int:
        return self.log_probs_NC.shape[1]

    @property
    def class_N(self) -> np.ndarray:
        return self.label_N

    @property
    def class_names(self) -> tuple[str, ...]:
        """The data set's names of the classes, or else their numbers."""
        names = tuple(map(str, self.stored("evaluation").get("class_names", ())))
        return names if len(set(names)) == self.classes else tuple(map(str, range(self.classes)))

    @cached_property
    def log_likelihood_N(self) -> np.ndarray:
        return np.take_along_axis(self.log_probs_NC, self.label_N[:, None], 1)[:, 0].astype(np.float64)

    @cached_property
    def expert_own_prediction_M(self) -> np.ndarray:
        """The class that the arg-max expert of each routed sample predicts by itself."""
        rows = np.flatnonzero(self.routed_N)
        return self.expert_prediction_NE[rows, self.expert_N[rows]]

    @cached_property
    def expert_wrong_NE(self) -> np.ndarray:
        """Whether each expert's own prediction is wrong."""
        return self.expert_prediction_NE != self.label_N[:, None]

    @cached_property
    def prediction_counts_EC(self) -> np.ndarray:
        """Routed samples by arg-max expert and the class that this expert itself predicts."""
        return self.counts_EC(self.expert_N[self.routed_N], self.expert_own_prediction_M)

    @cached_property
    def mixture_prediction_counts_EC(self) -> np.ndarray:
        """Routed samples by arg-max expert and the class that the mixture predicts."""
        return self.counts_EC(self.expert_N[self.routed_N], self.prediction_N[self.routed_N])


@dataclass(frozen=True, eq=False)
class NumberArrays(RunArrays):
    """A run of regression.

    ``label_N`` and ``prediction_N``, the mixture's mean, are in sd of the training targets:
    y = target_mean + target_sd * label.
    """

    task = "regression"

    log_density_N: np.ndarray
    expert_mean_NE: np.ndarray
    expert_variance_NE: np.ndarray
    component_N: np.ndarray | None
    component_names: tuple[str, ...]
    target_mean: float
    target_sd: float

    @property
    def classes(self) -> int:
        return BINS if self.component_N is None else len(self.component_names)

    @cached_property
    def class_N(self) -> np.ndarray:
        return bins(self.label_N) if self.component_N is None else self.component_N

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the known components, or else of the tenths."""
        return self.component_names or tuple(f"tenth {number + 1}" for number in range(BINS))

    @cached_property
    def log_likelihood_N(self) -> np.ndarray:
        return self.log_density_N.astype(np.float64)

    @cached_property
    def responsible_counts_EC(self) -> np.ndarray:
        """Routed samples by the expert most responsible for them, arg max of w_e N_e(y), and true class."""
        with np.errstate(divide="ignore"):
            joint_ME = np.log(self.normalized_weights_ME) + self.expert_log_prob_true_NE[self.routed_N]
        return self.counts_EC(joint_ME.argmax(1), self.class_N[self.routed_N])

    @cached_property
    def error_N(self) -> np.ndarray:
        """y - mean of the mixture, in sd."""
        return self.label_N.astype(np.float64) - self.prediction_N

    @cached_property
    def expert_error_NE(self) -> np.ndarray:
        """y - mean of each expert, in sd."""
        return self.label_N.astype(np.float64)[:, None] - self.expert_mean_NE


def normalized(rows: np.ndarray) -> np.ndarray:
    """Rows ``[..., E]`` in float64, each divided by its sum, which must be positive."""
    rows = rows.astype(np.float64)
    return rows / rows.sum(-1, keepdims=True)
