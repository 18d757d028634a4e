"""What metrics are computed from: the arrays of routing.npz and evaluation.npz, checked, and what several share.

Axes: N test samples, M routed test samples (at least one positive weight), E experts, C classes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from moe_lab.errors import RunError
from moe_lab.store.run import Run

#: dtype kinds that a stored array may have, by the kind that is meant
KINDS = {"integers": "iu", "floats": "f", "booleans": "b"}
#: array of routing.npz -> its axes, and the kind of its numbers
LAYOUT = {
    "sample_index": ("N", "integers"),
    "label": ("N", "integers"),
    "prediction": ("N", "integers"),
    "log_probs": ("NC", "floats"),
    "probs": ("NE", "floats"),
    "weights": ("NE", "floats"),
    "selected": ("NE", "booleans"),
    "gate_logits": ("NE", "floats"),
    "expert_prediction": ("NE", "integers"),
    "expert_log_prob_true": ("NE", "floats"),
    "overflow": ("N", "floats"),
}
OPTIONAL = {"gate_logits", "overflow"}
PARAMETERS = ("parameters_total", "parameters_active")


@dataclass(frozen=True, eq=False)
class RunArrays:
    """The test split as a finished run stored it, and the quantities derived from it, each computed once.

    Built by ``from_arrays`` or ``from_run``, which check it. Derived values are float64 of the stored float32.
    """

    sample_index_N: np.ndarray
    label_N: np.ndarray
    prediction_N: np.ndarray
    log_probs_NC: np.ndarray
    probs_NE: np.ndarray
    weights_NE: np.ndarray
    selected_NE: np.ndarray
    gate_logits_NE: np.ndarray | None
    expert_prediction_NE: np.ndarray
    expert_log_prob_true_NE: np.ndarray
    overflow_N: np.ndarray | None
    parameters_total: int
    parameters_active: int

    @classmethod
    def from_arrays(cls, routing: Mapping[str, np.ndarray], evaluation: Mapping[str, np.ndarray]) -> Self:
        """Check and take the arrays of routing.npz and evaluation.npz; others that they hold are left alone.

        Raises: RunError where one is missing, has another shape or type, or holds what no finished run writes.
        """
        _check_present("routing.npz", routing, LAYOUT.keys() - OPTIONAL)
        _check_present("evaluation.npz", evaluation, PARAMETERS)
        _check_layout(routing)
        _check_values(routing)
        arrays = {f"{name}_{axes}": routing.get(name) for name, (axes, _) in LAYOUT.items()}
        parameters = {name: int(evaluation[name]) for name in PARAMETERS}
        return cls(**arrays, **parameters)

    @classmethod
    def from_run(cls, run: Run) -> Self:
        """The arrays of a run folder. Raises RunError, which names the folder, as ``from_arrays`` does."""
        routing, evaluation = run.routing, run.arrays("evaluation")
        try:
            return cls.from_arrays(routing, evaluation)
        except RunError as error:
            raise RunError(f"{run.path}: {error}") from None

    @property
    def samples(self) -> int:
        """N."""
        return self.log_probs_NC.shape[0]

    @property
    def experts(self) -> int:
        """E."""
        return self.weights_NE.shape[1]

    @property
    def classes(self) -> int:
        """C, also where the test split lacks some of them."""
        return self.log_probs_NC.shape[1]

    @cached_property
    def routed_N(self) -> np.ndarray:
        """Whether any expert got the sample: its row of weights is not all zero."""
        return (self.weights_NE > 0).any(1)

    @cached_property
    def routed_count(self) -> int:
        """M."""
        return int(self.routed_N.sum())

    @cached_property
    def normalized_weights_ME(self) -> np.ndarray:
        """The weights of the routed samples, each row divided by its sum."""
        return normalized(self.weights_NE[self.routed_N])

    @cached_property
    def expert_N(self) -> np.ndarray:
        """The arg-max expert of each sample: the lowest index on ties, -1 where no expert got the sample."""
        return np.where(self.routed_N, self.weights_NE.argmax(1), -1)

    @cached_property
    def expert_own_prediction_M(self) -> np.ndarray:
        """What the arg-max expert of each routed sample predicts by itself."""
        rows = np.flatnonzero(self.routed_N)
        return self.expert_prediction_NE[rows, self.expert_N[rows]]

    @cached_property
    def label_counts_EC(self) -> np.ndarray:
        """Routed samples by arg-max expert and true class."""
        return self._counts_EC(self.label_N[self.routed_N])

    @cached_property
    def prediction_counts_EC(self) -> np.ndarray:
        """Routed samples by arg-max expert and the class that this expert itself predicts."""
        return self._counts_EC(self.expert_own_prediction_M)

    @cached_property
    def load_E(self) -> np.ndarray:
        """Routed samples by arg-max expert."""
        return self.label_counts_EC.sum(1)

    def _counts_EC(self, class_M: np.ndarray) -> np.ndarray:
        cells = self.expert_N[self.routed_N] * self.classes + class_M
        return np.bincount(cells, minlength=self.experts * self.classes).reshape(self.experts, self.classes)


def normalized(rows: np.ndarray) -> np.ndarray:
    """Rows ``[..., E]`` in float64, each divided by its sum, which has to be positive."""
    rows = rows.astype(np.float64)
    return rows / rows.sum(-1, keepdims=True)


def _check_present(file: str, arrays: Mapping[str, np.ndarray], names: Iterable[str]) -> None:
    missing = sorted(set(names) - arrays.keys())
    if missing:
        raise RunError(f"{file} lacks {', '.join(missing)}: train the run again with this version of moe-lab")


def _check_layout(routing: Mapping[str, np.ndarray]) -> None:
    sizes: dict[str, int] = {}
    for name, (axes, kind) in LAYOUT.items():
        array = routing.get(name)
        if array is None:
            continue
        if array.ndim != len(axes) or array.dtype.kind not in KINDS[kind]:
            raise RunError(f"{name} should be ({', '.join(axes)}) {kind}, but is {array.shape} {array.dtype}")
        for axis, size in zip(axes, array.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise RunError(f"{name} has {size} along {axis}, the arrays before it {sizes[axis]}")
    if not all(sizes.values()):
        raise RunError(f"the test split is empty: {', '.join(f'{axis}={size}' for axis, size in sizes.items())}")


def _check_values(routing: Mapping[str, np.ndarray]) -> None:
    classes = routing["log_probs"].shape[1]
    for name in ("label", "prediction", "expert_prediction"):
        if routing[name].min() < 0 or routing[name].max() >= classes:
            raise RunError(f"{name} holds classes outside 0 .. {classes - 1}")
    for name in ("probs", "weights"):
        if not (np.isfinite(routing[name]).all() and (routing[name] >= 0).all()):
            raise RunError(f"{name} holds NaN, infinite or negative numbers: the run diverged or its file is damaged")
    if np.isnan(routing["log_probs"]).any():
        raise RunError("log_probs holds NaN: the run diverged or its file is damaged")
