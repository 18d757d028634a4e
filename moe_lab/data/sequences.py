"""What is known of the tokens of a test split whose samples are windows of documents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from moe_lab.routing.trace import Labels

#: what a token is
Unit = Literal["byte", "symbol"]


@dataclass(frozen=True)
class Sequences:
    """Windows of documents, in the order of their documents. **N** windows of S tokens, **D** documents.

    document_N:      the document of each window, 0 .. D - 1, without gaps.
    position_NS:     the place of each token in its document.
    document_labels: of the D documents, ``domain`` first.
    token_labels:    of the N S tokens, window by window.
    known:           what is known of the best prediction, by name: arrays that a run stores beside its predictions.
    """

    unit: Unit
    document_N: np.ndarray
    position_NS: np.ndarray
    document_labels: Mapping[str, Labels]
    token_labels: Mapping[str, Labels]
    known: Mapping[str, np.ndarray] = field(default_factory=dict)
