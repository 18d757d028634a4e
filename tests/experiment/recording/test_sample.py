"""The sample of a stream of rows: as many as are asked for, uniform, and each with its own logits."""

import numpy as np
import pytest

from moe_lab.experiment.recording.sample import LogitSample


def sampled(rows, most, each=7):
    """The row's own number is its only logit in layer a, and twice that in layer b."""
    sample = LogitSample(most)
    for start in range(0, rows, each):
        kept = start + sample.draw(min(each, rows - start)).astype(float)
        sample.add({"a": kept[:, None], "b": 2 * kept[:, None]})
    return sample.taken()


@pytest.mark.parametrize(("rows", "kept"), [(1, 1), (39, 39), (40, 40), (41, 40), (1000, 40)])
def test_no_more_rows_than_asked_for_and_all_if_there_are_fewer(rows, kept):
    numbers, layers = sampled(rows, 40)
    assert len(set(numbers.tolist())) == len(numbers) == kept and numbers.max() < rows
    assert layers["a"][:, 0].tolist() == numbers.tolist() and layers["b"][:, 0].tolist() == (2 * numbers).tolist()


def test_every_part_of_the_stream_is_sampled_alike():
    """2,000 of 20,000 rows: of each tenth 200 are expected, with a standard deviation of sqrt(2000 .1 .9 .9) = 12.7."""
    numbers, _ = sampled(20_000, 2_000, each=500)
    assert np.abs(np.bincount(numbers // 2_000, minlength=10) - 200).max() < 4 * 12.7
