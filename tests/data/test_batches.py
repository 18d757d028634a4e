import pickle

import numpy as np
import pytest

from moe_lab.data.batches import read_batch

VALUES = np.arange(12, dtype=np.uint8).reshape(3, 4)
#: open('x', 'w'): GLOBAL, arguments, REDUCE
CALL = b"\x80\x02cbuiltins\nopen\n(X\x01\x00\x00\x00xX\x01\x00\x00\x00wtR."


@pytest.mark.parametrize("values", [VALUES, np.asfortranarray(VALUES), VALUES[:0]], ids=["rows", "columns", "none"])
def test_arrays_lists_and_text(pickled, values):
    batch = read_batch(pickled({b"data": values, b"labels": [2, 0, 1], b"batch_label": b"one"}))
    assert np.array_equal(batch["data"], values) and batch["data"].dtype == np.uint8
    assert (batch["labels"], batch["batch_label"]) == ([2, 0, 1], b"one")


@pytest.mark.filterwarnings("ignore:dtype..:Warning")
@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_plain_unpickling_gives_the_same(request, name):
    for content in request.getfixturevalue(name).contents.values():
        expected = {key.decode(): value for key, value in pickle.loads(content, encoding="bytes").items()}
        found = read_batch(content)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[key], expected[key]) for key in expected)


def test_a_call_is_refused_and_not_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        pickle.UnpicklingError, match=r"expected arrays, lists and text, found a call of builtins\.open"
    ):
        read_batch(CALL)
    assert list(tmp_path.iterdir()) == []
    pickle.loads(CALL, encoding="bytes").close()
    assert (tmp_path / "x").exists()  # the trap works


@pytest.mark.parametrize(
    "name", ["numpy.core.multiarray\nscalar", "numpy\nload", "numpy.ndarray\n__init__", "os\nsystem"]
)
def test_every_other_name_is_refused(name):
    with pytest.raises(pickle.UnpicklingError, match="found a call of"):
        read_batch(b"\x80\x02c" + name.encode() + b"\n.")


@pytest.mark.parametrize("dtype", ["u2", "f4", "i1"])
def test_arrays_of_other_types_are_refused(pickled, dtype):
    with pytest.raises(pickle.UnpicklingError, match="expected arrays of unsigned bytes, found the type"):
        read_batch(pickled({b"data": VALUES.astype(dtype)}))
