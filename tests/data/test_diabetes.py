import numpy as np
import pytest
from sklearn.datasets import load_diabetes

from moe_lab.data import diabetes
from moe_lab.data.diabetes import Diabetes
from moe_lab.errors import DataError


def test_rows_are_scikit_learns_in_sd_of_the_training_split():
    x, y = load_diabetes(return_X_y=True, scaled=False)
    data = Diabetes().load()
    # 442: ceil(.2 x 442) = 89 for test, then ceil(.1 x 353) = 36
    assert [len(data.train), len(data.validation), len(data.test)] == [317, 36, 89]
    train = data.train.index_N.numpy()
    for split in (data.train, data.validation, data.test):
        rows = split.index_N.numpy()
        np.testing.assert_allclose(split.y_N, (y[rows] - y[train].mean()) / y[train].std(), atol=1e-5)
        np.testing.assert_allclose(split.x_ND, (x[rows] - x[train].mean(0)) / x[train].std(0), atol=1e-4)
    assert (data.target.mean, data.target.sd) == pytest.approx((y[train].mean(), y[train].std()))
    assert (data.shape, data.class_names) == Diabetes().describe() == ((10,), ())
    assert data.attributes == {} and data.input is None


def test_the_test_split_is_always_the_same():
    one, two = (Diabetes(split_seed=seed).load() for seed in (0, 1))
    assert one.test.index_N.tolist() == two.test.index_N.tolist()
    assert one.train.index_N.tolist() != two.train.index_N.tolist()


def test_other_numbers_are_refused(monkeypatch):
    assert "442 x 10 numbers" in Diabetes().check()[0]["found"]
    monkeypatch.setattr(diabetes, "MD5", "0" * 32)
    with pytest.raises(DataError, match="load_diabetes is not the data set it should be"):
        Diabetes().load()
