"""Which document, and which place in it, each row of a model's calls belongs to.

Axes: **B** sequences of a call, **S** tokens of each, **N** rows that are kept.
"""

from typing import NamedTuple

import numpy as np

from moe_lab.errors import DataError


class Rows(NamedTuple):
    """The rows of a call that are no padding: their numbers among its B x S, their documents and positions."""

    kept_N: np.ndarray
    document_N: np.ndarray
    position_N: np.ndarray


class Sequences:
    """The documents that were fed so far. A call without a past begins B new ones; one with a past, as generation makes
    for each token, goes on with those of the call before it."""

    def __init__(self) -> None:
        self._before = 0
        self._fed = 0
        self._tokens_B = np.zeros(0, dtype=np.int64)

    @property
    def documents(self) -> int:
        return self._before + len(self._tokens_B)

    def place(self, is_token_BS: np.ndarray, past: int) -> Rows:
        """The rows of a call, of which ``past`` tokens were fed before.

        Raises DataError if the past is none of the sequences before it, as if drafts were taken back.
        """
        batch, length = is_token_BS.shape
        if past == 0:
            self._before, self._fed, self._tokens_B = self.documents, 0, np.zeros(batch, dtype=np.int64)
        elif (batch, past) != (len(self._tokens_B), self._fed):
            raise DataError(
                f"a call goes on with {batch} sequences after {past} tokens, and {len(self._tokens_B)} of {self._fed} "
                "were recorded: record whole sequences, from their first token, without drafts that are taken back"
            )
        position_BS = self._tokens_B[:, None] + is_token_BS.cumsum(1) - 1
        document_BS = np.broadcast_to(self._before + np.arange(batch)[:, None], is_token_BS.shape)
        kept_N = np.flatnonzero(is_token_BS)
        self._fed += length
        self._tokens_B = self._tokens_B + is_token_BS.sum(1)
        return Rows(kept_N, document_BS.ravel()[kept_N], position_BS.ravel()[kept_N])
