"""FLAME-MoE's parquet files, made after their schema, become the routing that they were made of."""

from pathlib import Path

import numpy as np
import pytest

from moe_lab.errors import UserError
from moe_lab.experiment.importers.found import Asked
from moe_lab.experiment.importers.importing import import_trace
from tests.experiment.importers.files import DOCUMENTS, LAYERS

pytestmark = pytest.mark.extras
IDS = [5, 6, 7, 5, 9]
SCORES = [[0.5, 0.25]] * 5


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow", exc_type=ModuleNotFoundError)


@pytest.fixture
def save(arrow, tmp_path):
    """Columns and their types, written to a file by its path."""
    from pyarrow import parquet

    def write(name: str, **columns) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        table = arrow.table({key: arrow.array(values, kind) for key, (values, kind) in columns.items()})
        parquet.write_table(table, path, row_group_size=2)
        return path

    return write


@pytest.fixture
def capture(arrow, save, tmp_path):
    """Two layers of a step, the token ids of the same rows, and their documents."""
    np.save(tmp_path / "documents.npy", DOCUMENTS)
    for name, experts in LAYERS.items():
        number = int(name.removeprefix("layer"))
        lists = arrow.list_(arrow.int16()), arrow.list_(arrow.float16())
        half = np.array(SCORES, np.float16)
        save(
            f"actives/iter_0100/layer_{number:02d}.parquet",
            indices=(experts.tolist(), lists[0]),
            scores=([list(row) for row in half], lists[1]),
        )
    return tmp_path / "actives/iter_0100", save("samples/000.parquet", token_id=(IDS, arrow.int32()))


def imported(*files, documents=None, **asked):
    return import_trace(files, asked=Asked(**({"experts": 4} | asked)), documents=documents)


def test_layers_weights_and_tokens(capture, tmp_path):
    trace = imported(*capture, documents=tmp_path / "documents.npy")
    assert [layer.name for layer in trace.layers] == [*LAYERS] and trace.token_id_T.tolist() == IDS
    for layer, expected in zip(trace.layers, LAYERS.values(), strict=True):
        assert np.array_equal(layer.experts_TK, expected) and layer.ranked and layer.experts == 4
        assert layer.weights_TK.tolist() == SCORES
    assert trace.source.startswith("flame_moe: ") and "shared experts" in trace.missing


def test_the_first_rows_alone(capture, tmp_path):
    np.save(tmp_path / "three.npy", DOCUMENTS[:3])
    trace = imported(*capture, documents=tmp_path / "three.npy", rows=3)
    assert trace.rows == 3 and trace.token_id_T.tolist() == IDS[:3]


def test_documents_are_asked_for(capture):
    with pytest.raises(UserError, match="flame_moe files do not say which document .* each of the 5 rows"):
        imported(*capture)


@pytest.mark.parametrize(
    ("column", "kind", "said"),
    [
        ({"indices": [[0, 1]]}, "int16", "layer_9.parquet has the columns indices; expected token_id, or indices and"),
        ({"indices": [[0, 1], [1]], "scores": [[1, 0], [1]]}, "int16", "has rows of 1, 2 indices; expected one number"),
        (
            {"indices": [[0, 1]] * 5, "scores": [[1, 0]] * 5},
            "int16",
            "has scores of list<.*int16>, 0 missing",
        ),
        ({"indices": [[0, None]] * 5, "scores": [[1, 0]] * 5}, "int16", "has indices of .* expected lists of integers"),
        ({"indices": [], "scores": []}, "int16", "layer_9.parquet has no rows"),
    ],
)
def test_what_does_not_fit_is_refused(arrow, save, column, kind, said):
    lists = arrow.list_(getattr(arrow, kind)())
    path = save("layer_9.parquet", **{name: (values, lists) for name, values in column.items()})
    with pytest.raises(UserError, match=said):
        imported(path)


def test_other_rows_or_names_and_bytes_that_are_no_parquet_are_refused(arrow, capture, save, tmp_path):
    folder, tokens = capture
    short = save("short.parquet", token_id=(IDS[:2], arrow.int32()))
    with pytest.raises(UserError, match=r"short.parquet has 2 rows, and the first layer 5; add --rows N"):
        imported(folder, short)
    with pytest.raises(UserError, match="are 1 files of tokens and 0 of numbered layers"):
        imported(tokens)
    (folder / "layer_01.parquet").rename(folder / "first.parquet")
    with pytest.raises(UserError, match=r"first.parquet has no number of a layer in its name"):
        imported(folder)
    torn = tmp_path / "layer_3.parquet"
    torn.write_bytes(tokens.read_bytes()[:60])
    with pytest.raises(UserError, match=r"layer_3.parquet is damaged"):
        imported(torn)
