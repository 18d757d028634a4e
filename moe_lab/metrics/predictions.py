"""What metrics of predictions are computed from: what a model said of its test samples, whatever is inside it."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from moe_lab.metrics.routing_arrays import RoutingArrays
from moe_lab.tasks import Task


class Predictions(Protocol):
    """Axes: N test samples, C classes. Likelihoods are in nats; of parameters and multiply-adds those count as active
    that act on one sample."""

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
    """What a language model said of the tokens that follow those of its test split, and what one of its mixture layers
    did with these. Samples are tokens, N; classes are the tokens that may follow."""

    @property
    def unit(self) -> str:
        """What a token is: a byte, or a symbol."""
        ...

    @property
    def routing(self) -> RoutingArrays:
        """Of the layer; its classes are the domains of the tokens' documents."""
        ...

    @property
    def token_N(self) -> np.ndarray:
        """The token itself, which is not the one that follows."""
        ...

    @property
    def document_N(self) -> np.ndarray: ...
    @property
    def place_N(self) -> np.ndarray:
        """The place of each token in its window, or several places as one: an index into ``place_names``."""
        ...

    @property
    def place_names(self) -> tuple[str, ...]: ...
    @property
    def known(self) -> Mapping[str, np.ndarray]:
        """What the run stored of the best prediction, by name (moe_lab.data.sequences)."""
        ...
