"""Documents and positions of the rows of calls: padding, generation, and what does not go on."""

import numpy as np
import pytest

from moe_lab.errors import DataError
from moe_lab.experiment.recording.sequences import Sequences


def mask(*rows):
    return np.array(rows, dtype=bool)


def test_padding_on_the_left_and_calls_that_go_on():
    sequences = Sequences()
    first = sequences.place(mask([0, 1, 1], [1, 1, 1]), 0)
    assert first.kept_N.tolist() == [1, 2, 3, 4, 5]
    assert first.document_N.tolist() == [0, 0, 1, 1, 1] and first.position_N.tolist() == [0, 1, 0, 1, 2]
    # the next token of each of the two, of which the second has ended
    second = sequences.place(mask([1], [0]), 3)
    assert second.kept_N.tolist() == [0] and second.document_N.tolist() == [0] and second.position_N.tolist() == [2]
    third = sequences.place(mask([1, 1]), 0)
    assert third.document_N.tolist() == [2, 2] and third.position_N.tolist() == [0, 1] and sequences.documents == 3


@pytest.mark.parametrize(("batch", "past"), [(1, 3), (2, 2), (2, 4)])
def test_other_sequences_or_drafts_taken_back_are_refused(batch, past):
    sequences = Sequences()
    sequences.place(mask([1, 1, 1], [1, 1, 1]), 0)
    with pytest.raises(
        DataError, match=f"goes on with {batch} sequences after {past} tokens, and 2 of 3 were recorded"
    ):
        sequences.place(np.ones((batch, 1), dtype=bool), past)
