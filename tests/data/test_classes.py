"""A data set without some of its classes."""

import numpy as np
import pytest

from moe_lab.data.classes import chosen_classes, of_classes
from moe_lab.data.digits import Digits
from moe_lab.errors import ConfigError


def test_samples_keep_their_splits_their_numbers_and_their_attributes():
    whole = Digits().load()
    some = of_classes(whole, [7, 3])
    assert some.classes == 10 and some.class_names == whole.class_names
    for name in ("train", "validation", "test"):
        before, after = getattr(whole, name), getattr(some, name)
        kept = (before.y_N == 3) | (before.y_N == 7)
        assert 0 < len(after) == int(kept.sum())
        assert (after.index_N == before.index_N[kept]).all() and (after.x_ND == before.x_ND[kept]).all()
    assert set(some.attributes["class"]) == {3, 7}
    kept = np.isin(whole.attributes["class"], [3, 7])
    assert some.attributes.keys() == whole.attributes.keys()
    assert (some.attributes["ink"] == whole.attributes["ink"][kept]).all()


def test_chosen_classes_in_order():
    assert chosen_classes((4, 0), 5, "classes") == [0, 4]


@pytest.mark.parametrize(
    ("classes", "count", "reason"),
    [
        ([0, 10], 10, "there is no class 10, the classes are numbered from 0 to 9"),
        ([0], 0, "has no classes"),
        ([0, 0, 1], 10, r"class 0 is named 2 times: name each once, as \[0,1\]$"),
    ],
)
def test_classes_that_are_not_there(classes, count, reason):
    with pytest.raises(ConfigError, match=f"^classes: .*{reason}"):
        chosen_classes(classes, count, "classes")
