"""What metrics of predictions are computed from: what a model said of its test samples, whatever is inside it."""

from typing import Protocol

import numpy as np

from moe_lab.tasks import Task


class Predictions(Protocol):
    """Axes: N test samples, C classes. Likelihoods are in nats, and of parameters those count as active that act on one
    sample."""

    @property
    def task(self) -> Task: ...
    @property
    def label_N(self) -> np.ndarray: ...
    @property
    def prediction_N(self) -> np.ndarray: ...
    @property
    def log_likelihood_N(self) -> np.ndarray: ...
    @property
    def classes(self) -> int: ...
    @property
    def tested_C(self) -> np.ndarray: ...
    @property
    def samples(self) -> int: ...
    @property
    def parameters_total(self) -> int: ...
    @property
    def parameters_active(self) -> int: ...
