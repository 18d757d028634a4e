import numpy as np

from moe_lab.data.first import even_counts, first_rows


def test_first_rows_by_hand():
    y_N = np.array([1, 0, 1, -1, 0, 2, 1, 0])
    # the first two of class 0 are rows 1 and 4, the first of class 1 is row 0; of class 2 all there are
    assert first_rows(y_N, [2, 1, 5]).tolist() == [0, 1, 4, 5]


def test_even_counts_by_hand():
    # 5000 = 6 x 833 + 2, 1000 = 6 x 166 + 4
    assert even_counts(5000, 6) == [834, 834, 833, 833, 833, 833]
    assert even_counts(1000, 6) == [167, 167, 167, 167, 166, 166]
    assert even_counts(12, 6) == [2] * 6
