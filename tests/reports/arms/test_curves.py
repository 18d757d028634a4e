"""The captions of the learning curves."""

import pytest

from moe_lab.reports.arms.curves import lines_said


@pytest.mark.parametrize(
    ("are_validation", "said"),
    [
        ({True}, "Lines: mean over seeds on the validation split after each epoch."),
        (
            {False},
            "Dashed lines: mean over seeds on the training data after each epoch; there is no validation split.",
        ),
        (
            {True, False},
            "Lines: mean over seeds on the validation split after each epoch; dashed: on the training data, in arms "
            "without a validation split.",
        ),
    ],
)
def test_a_caption_says_what_the_lines_are_of(are_validation, said):
    assert lines_said(are_validation) == said
