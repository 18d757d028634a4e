"""The class table against scikit-learn."""

import re

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from moe_lab.metrics import RunArrays
from moe_lab.reports.kit.heat import Words, every_nth, heat_map, shortened
from moe_lab.reports.run.class_table import class_order, class_table

NAMES = [f"class {c}" for c in range(10)]


@pytest.fixture(scope="module")
def arrays(make_run):
    return RunArrays.from_run(make_run("routed", unrouted=10))


def test_the_class_table_counts_as_scikit_learn_does(arrays):
    table = class_table(arrays, NAMES)
    counts_CE = np.array([[row[f"expert_{e}"] for e in range(5)] for row in table.rows])
    expert_M, label_M = arrays.expert_N[10:], arrays.label_N[10:]
    np.testing.assert_array_equal(counts_CE, confusion_matrix(label_M, expert_M, labels=range(10))[:, :5])
    assert [row["class_name"] for row in table.rows] == NAMES


def test_classes_stand_by_the_expert_that_gets_most_of_them():
    #                  class 0  1  2  3
    counts_EC = np.array([[2, 0, 9, 0], [8, 5, 1, 0]])
    # class 2 goes to expert 0 (9 of 10); classes 1 (5 of 5) and 0 (8 of 10) to expert 1; class 3 has no sample
    assert class_order(counts_EC) == [2, 1, 0, 3]


def test_the_alt_text_says_who_gets_what(arrays):
    assert "expert 0:" in class_table(arrays, NAMES).alt


def test_long_names_keep_both_ends():
    assert shortened("class number 17", 12) == "class\N{HORIZONTAL ELLIPSIS}er 17"
    assert shortened("short", 12) == "short"


def test_a_picture_of_many_classes_is_no_higher_than_one_of_as_many_as_can_be_named():
    words = Words("stem", "Title", "class", "class", "head", "caption")
    pictures = [
        heat_map(np.ones((experts, classes), dtype=int), [f"name {c}" for c in range(classes)], range(classes), words)
        for experts, classes in ((20, 128), (130, 300))
    ]
    heights = {re.search(rb'height="([\d.]+)pt"', one.svg)[1] for one in pictures}
    assert len(heights) == 1 and len(pictures[1].rows) == 300


def test_every_nth_is_named_where_not_all_can_be():
    assert list(every_nth(5, 5)) == [0, 1, 2, 3, 4]
    assert list(every_nth(6, 5)) == [0, 2, 4]  # 6 / 5 is above 1
    assert len(every_nth(1000, 128)) == 125  # 1000 / 128 = 7.8, so every eighth
