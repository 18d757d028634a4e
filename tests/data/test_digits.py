import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import sklearn.datasets
import torch

from moe_lab.data import digits
from moe_lab.data.digits import FILE, Digits
from moe_lab.errors import DataError


def test_sizes_and_classes_by_hand():
    data = Digits().load()
    # 360 of 1797 for test; ceil(.1 x 1437) = ceil(143.7) = 144 of the rest for validation
    assert [len(data.train), len(data.validation), len(data.test)] == [1293, 144, 360]
    assert torch.bincount(data.test.y_N).tolist() == [36, 37, 35, 37, 36, 36, 36, 36, 35, 36]
    assert (data.features, data.classes) == (64, 10)
    assert (data.shape, data.class_names) == Digits().describe()


def test_the_splits_are_rows_of_scikit_learns_digits():
    bunch = sklearn.datasets.load_digits()
    data = Digits().load()
    rows = torch.cat([data.train.index_N, data.validation.index_N, data.test.index_N])
    assert rows.sort().values.tolist() == list(range(1797))
    for split in (data.train, data.validation, data.test):
        expected = (bunch.data[split.index_N] / 16 - 0.3048) / 0.3756
        np.testing.assert_allclose(split.x_ND.numpy(), expected, rtol=1e-5, atol=1e-6)
        assert np.array_equal(split.y_N.numpy(), bunch.target[split.index_N])
    assert np.array_equal(data.attributes["class"], bunch.target[data.test.index_N])


def test_the_constants_are_those_of_the_training_part():
    data = Digits(validation_share=0.0).load()
    assert data.train.x_ND.mean().item() == pytest.approx(0, abs=2e-4)
    assert data.train.x_ND.std().item() == pytest.approx(1, abs=2e-4)


def test_the_test_split_does_not_follow_the_seed():
    one, two = Digits(split_seed=1).load(), Digits(split_seed=2).load()
    assert torch.equal(one.test.index_N, two.test.index_N)
    assert one.validation.index_N.tolist() != two.validation.index_N.tolist()
    # frozen: other rows would make every number from before incomparable
    assert one.test.index_N[:5].tolist() == [3, 4, 5, 7, 10] and one.test.index_N.sum() == 317108


def test_check_says_where_the_images_come_from():
    (row,) = Digits().check()
    assert row["source"].startswith("scikit-learn 1.")
    assert row["found"].startswith("1797 x 8 x 8 bytes, md5 ")
    assert Digits().prepare() == row["source"]


@pytest.mark.parametrize("there", [True, False], ids=["other digits", "no file"])
def test_other_digits_are_refused(monkeypatch, tmp_path, there):
    if there:
        (tmp_path / FILE).parent.mkdir(parents=True)
        np.savetxt(tmp_path / FILE, np.ones((5, 65)), delimiter=",", fmt="%d")
    monkeypatch.setattr(digits, "find_spec", lambda name: SimpleNamespace(submodule_search_locations=[str(tmp_path)]))
    with pytest.raises(DataError, match=r"expected md5 \w+, found \w+; install scikit-learn again"):
        Digits().load()


def test_scikit_learn_is_not_imported():
    """In a fresh interpreter: a second or two that the first step of the default run would wait for."""
    code = "import sys; from moe_lab.data.digits import Digits; Digits().load(); print('sklearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
