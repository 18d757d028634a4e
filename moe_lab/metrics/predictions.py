"""The arrays that metrics of predictions are computed from: the predictions of any model of its test samples."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.tasks import Task


class Predictions(Protocol):
    """Predictions of a test split.

    Axes: N test samples, C classes. Likelihoods are in nats. Active parameters and multiply-adds are those used for one
    sample.
    """

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
    @property
    def multiply_adds_total(self) -> int: ...
    @property
    def multiply_adds_active(self) -> int: ...


class TokenPredictions(Predictions, Protocol):
    """A language model's predictions of the next tokens of its test split, and the routing in one mixture layer.

    Samples are tokens, N; classes are the possible next tokens.
    """

    @property
    def unit(self) -> str:
        """The kind of token: byte or symbol."""
        ...

    @property
    def routing(self) -> RoutingArrays:
        """The layer's routing; its classes are the domains of the tokens' documents."""
        ...

    @property
    def token_N(self) -> np.ndarray:
        """The token itself, not the next one."""
        ...

    @property
    def document_N(self) -> np.ndarray: ...
    @property
    def place_N(self) -> np.ndarray:
        """The place of each token in its window, or a group of places: an index into ``place_names``."""
        ...

    @property
    def place_names(self) -> tuple[str, ...]: ...
    @property
    def known(self) -> Mapping[str, np.ndarray]:
        """The run's stored arrays about the best prediction, by name (moe_lab.data.sequences)."""
        ...
