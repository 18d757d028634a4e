"""OLMoE's pickled counters become counts, and nothing else that a pickle may hold is read or called."""

import io
import os
import pickle
from collections import Counter, OrderedDict

import numpy as np
import pytest

from moe_lab.errors import DataError
from moe_lab.experiment.importers.importing import import_trace
from moe_lab.experiment.importers.olmoe_counters import Counters, read_counters

CODE = [Counter({0: 3, 1: 1}), Counter({2: 4})]
PROSE = [Counter({1: 2}), Counter({0: 1, 2: 1})]


def write(path, value, numpy=None):
    """``numpy``: the module of NumPy 1, for keys that are its numbers."""
    if numpy is not None:
        value = [Counter({np.int64(expert): slots for expert, slots in one.items()}) for one in value]
    pickled = pickle.dumps(value, protocol=3)
    path.write_bytes(pickled.replace(b"numpy._core.multiarray", numpy or b"numpy._core.multiarray"))


@pytest.mark.parametrize("numpy", [None, b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_a_folder_of_domains(tmp_path, numpy):
    folder = tmp_path / "olmoe" / "expert_counts"
    folder.mkdir(parents=True)
    write(folder / "prose.pkl", PROSE, numpy)
    write(folder / "code.pkl", CODE, numpy)
    counts = read_counters(folder, 4, layers=(0, 7))
    assert counts.label == "domain" and counts.values == ("code", "prose") and counts.source.endswith(": olmoe")
    assert counts.layers["layer0"].tolist() == [[3, 1, 0, 0], [0, 2, 0, 0]]
    assert counts.layers["layer7"].tolist() == [[0, 0, 4, 0], [1, 0, 1, 0]]
    assert read_counters(folder, 4, domains=["prose"], layers=(0, 7)).values == ("prose",)
    with pytest.raises(DataError, match=r"verse.pkl is not there"):
        read_counters(folder, 4, domains=["verse"], layers=(0, 7))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (CODE[:1], "holds no list of 2 counters"),
        ([dict(one) for one in CODE], "holds something else than counters"),
        ([Counter({"a": 1}), Counter()], "holds something else than counters"),
        ([Counter({0: 0.5}), Counter()], "holds something else than counters"),
        ([Counter({-1: 1, 4: 1}), Counter()], "counts experts -1 to 4; expected 0 to 3"),
        ([Counter({0: -1}), Counter()], "holds a count below 0"),
        ([OrderedDict(), OrderedDict()], "is no pickle of counters: collections.OrderedDict has no place"),
    ],
)
def test_other_values_are_refused(tmp_path, value, said):
    write(tmp_path / "code.pkl", value)
    with pytest.raises(DataError, match=f"code.pkl {said}"):
        read_counters(tmp_path, 4, layers=(0, 7))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"cposix\nsystem\n(S'touch ran'\ntR.", "posix.system has no place in a table of counts"),
        (b"not a pickle", "is no pickle of counters"),
        (b"", "is damaged"),
        (b"x" * (2**20 + 1), "has more than 1048576 bytes"),
    ],
)
def test_nothing_is_run_and_other_bytes_are_one_line(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code.pkl").write_bytes(content)
    with pytest.raises(DataError, match=said) as error:
        read_counters(tmp_path, 4)
    assert "\n" not in str(error.value) and not os.path.exists("ran")


def test_the_importer_of_traces_says_where_counters_are_read(tmp_path):
    write(tmp_path / "code.pkl", CODE)
    with pytest.raises(DataError, match=r"code.pkl is a pickle, .* are read by `read_counters`"):
        import_trace([tmp_path / "code.pkl"])


def test_a_folder_without_counters_is_named(tmp_path):
    with pytest.raises(DataError, match="holds no DOMAIN.pkl: expected the folder expert_counts of a model"):
        read_counters(tmp_path, 4)


def test_text_of_the_old_protocol_is_not_decoded():
    """Before protocol 3 bytes are text that a function encodes, which is not admitted; the files have protocol 4."""
    old = pickle.dumps([Counter({np.int64(3): 7})], protocol=2)
    with pytest.raises(pickle.UnpicklingError, match=r"_codecs.encode has no place"):
        Counters(io.BytesIO(old)).load()
