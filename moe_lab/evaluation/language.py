"""Arrays that evaluation stores for a language model in addition to those of other networks."""

from dataclasses import replace

import numpy as np

from moe_lab.data.dataset import Split
from moe_lab.data.sequences import Sequences
from moe_lab.routing.trace import Trace

Arrays = dict[str, np.ndarray]


def of_tokens(trace: Trace, test: Split, sequences: Sequences, loss_T: np.ndarray) -> Trace:
    """The trace with tokens as rows and the windows' documents as documents, with the known labels of both. ``loss_T``:
    nats of each token's prediction."""
    return replace(
        trace,
        document_T=documents_of(test, sequences),
        position_T=sequences.position_NS.ravel(),
        token_id_T=test.x_ND.cpu().numpy().ravel(),
        loss_T=loss_T,
        row_labels=sequences.token_labels,
        document_labels=sequences.document_labels,
        source=f"the test split of a language model, a token a {sequences.unit}",
    )


def documents_of(test: Split, sequences: Sequences) -> np.ndarray:
    """The document of each token, int32 [T]."""
    return np.repeat(sequences.document_N, test.x_ND.shape[-1]).astype(np.int32)


def of_predictions(sequences: Sequences) -> Arrays:
    """Arrays of test.npz: ``unit``, the kind of token, and known facts about the best possible prediction."""
    return {"unit": np.array(sequences.unit), **sequences.known}
