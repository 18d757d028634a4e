"""The class table against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from moe_lab.metrics import RunArrays
from moe_lab.reports.kit.heat import shortened
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
