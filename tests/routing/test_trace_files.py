"""A trace comes back from its folder as it was, and a folder that holds none says so in one line."""

import json
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings

from moe_lab import __version__
from moe_lab.errors import RunError
from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace
from moe_lab.routing.trace_files import read_trace, write_trace
from moe_lab.store import trace as store
from moe_lab.store.atomic import write_json, write_npz
from moe_lab.store.run import Run
from tests.routing.traces import traces

TRACE = Trace(
    layers=(
        LayerTrace(
            name="../layers/0",
            experts=255,
            experts_TK=np.array([[0, 254], [1, NONE], [NONE, NONE]]),
            weights_TK=np.array([[0.75, 0.25], [1.0, 0.0], [0.0, 0.0]]),
            sample_S=np.array([0, 2]),
            probs_SE=np.full((2, 255), 1 / 255),
            usage_E=np.full(255, 1 / 255),
            entropy_T=np.array([8.0, 1.0, np.nan]),
        ),
        LayerTrace(name="last", experts=256, experts_TK=np.array([[0], [255], [NONE]]), ranked=False),
    ),
    document_T=np.array([0, 1, 0]),
    loss_T=np.array([0.5, np.nan, 0.25]),
    document_labels={"domain": Labels(value=np.array([0, NONE]), names=("../../code",))},
    source="three rows by hand",
    checksum="sha256:00",
    missing={"token_id": "the server does not return them"},
)


def same(one: object, other: object) -> bool:
    """Whether two traces, or parts of them, hold the same numbers and texts."""
    if isinstance(one, Trace | LayerTrace | Labels):
        return all(same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return one == other


def written(trace: Trace, folder: Path) -> Run:
    write_trace(folder, trace)
    return Run(folder)


@settings(deadline=None, max_examples=40)
@given(traces())
def test_a_trace_comes_back_as_it_was(trace):
    with TemporaryDirectory() as folder:
        back = read_trace(written(trace, Path(folder)))
    # what is missing is said of everything that is
    assert same(replace(back, missing=trace.missing), trace)
    assert back.missing.items() >= trace.missing.items()


def test_the_layout(tmp_path):
    run = written(TRACE, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("documents.npz", "layers.npz", "rows.npz", "status.json", "trace.json")
    ]
    assert run.finished and run.kind == "trace" and run.status["headline"] == {"rows": 3, "documents": 2, "layers": 2}
    assert json.loads((tmp_path / "trace.json").read_text()) == {
        "format": 1,
        "moe_lab": __version__,
        "rows": 3,
        "documents": 2,
        "layers": [
            {"name": "../layers/0", "experts": 255, "slots": 2, "ranked": True},
            {"name": "last", "experts": 256, "slots": 1, "ranked": False},
        ],
        "row_labels": {},
        "document_labels": {"domain": ["../../code"]},
        "missing": {
            "position": "not given",
            "token_id": "the server does not return them",
            "weights": "not given",
            "distributions": "not given",
        },
        "source": "three rows by hand",
        "checksum": "sha256:00",
    }
    rows, documents, layers = (run.arrays(name) for name in ("rows", "documents", "layers"))
    assert {name: (array.dtype.name, array.tolist()) for name, array in documents.items()} == {
        "label/domain": ("int32", [0, -1])
    }
    assert {name: array.dtype.name for name, array in rows.items()} == {"document": "int32", "loss": "float32"}
    assert {name: (array.dtype.name, array.shape) for name, array in layers.items()} == {
        "00/experts": ("uint8", (3, 2)),
        "00/weights": ("float16", (3, 2)),
        "00/sample": ("int32", (2,)),
        "00/probabilities": ("float16", (2, 255)),
        "00/usage": ("float64", (255,)),
        "00/entropy": ("float32", (3,)),
        "01/experts": ("uint16", (3, 1)),
    }
    # the largest value means none
    assert layers["00/experts"].tolist() == [[0, 254], [1, 255], [255, 255]]
    assert layers["01/experts"].tolist() == [[0], [255], [65_535]]


def test_nothing_is_written_of_numbers_that_do_not_fit(tmp_path):
    layer = replace(TRACE.layers[0], weights_TK=np.array([[65_600.0, 0], [0, 0], [0, 0]]))
    with pytest.raises(RunError, match=r"layer '../layers/0': weights: a number is beyond 65,504, the largest"):
        write_trace(tmp_path, replace(TRACE, layers=(layer,)))
    rows = store.SAMPLE + 1
    many = LayerTrace(
        name="x",
        experts=1,
        experts_TK=np.zeros((rows, 1), int),
        sample_S=np.arange(rows),
        probs_SE=np.ones((rows, 1)),
    )
    with pytest.raises(RunError, match="distributions of 20001 rows are kept, and 20000 at most are"):
        write_trace(tmp_path, Trace(layers=(many,), document_T=np.arange(rows)))
    assert not list(tmp_path.iterdir())


def test_a_disk_that_is_full_leaves_no_finished_trace(tmp_path, monkeypatch):
    def full(path, arrays):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(store, "write_npz", full)
    with pytest.raises(OSError, match="No space left"):
        write_trace(tmp_path, TRACE)
    assert Run(tmp_path).status["status"] == "failed"
    with pytest.raises(RunError, match=r"rows\.npz is missing: the run is failed"):
        read_trace(Run(tmp_path))


def test_a_run_of_another_kind_is_no_trace(tmp_path):
    write_json(tmp_path / "status.json", {"status": "finished"})
    with pytest.raises(RunError, match=f"{tmp_path} is a run of kind mixture, not a trace"):
        read_trace(Run(tmp_path))


def header_with(**changes):
    return lambda header: header | changes


def first_layer_with(**changes):
    return lambda header: header | {"layers": [header["layers"][0] | changes, *header["layers"][1:]]}


FORGED_HEADERS = {
    "a list": (lambda header: [], r"trace\.json holds no object"),
    "of a later version": (header_with(format=2), "is no header of a trace: see its format"),
    "no rows": (header_with(rows=0), "see its rows"),
    "rows as text": (header_with(rows="3"), "see its rows"),
    "rows beyond counting": (header_with(rows=10**19), "see its rows"),
    "other rows": (header_with(rows=4), r"rows\.npz: document is \(3,\) int32, but should be \(4,\) int32"),
    "other documents": (
        header_with(documents=1),
        r"documents\.npz: label/domain is \(2,\) int32, but should be \(1,\)",
    ),
    "no layer": (header_with(layers=[]), "see its layers"),
    "layers without end": (header_with(layers=[{}] * 10_001), "see its layers"),
    "layers by name": (header_with(layers={"a": 1}), "see its layers"),
    "a layer that is not there": (
        lambda header: header | {"layers": header["layers"] * 2},
        r"layers\.npz lacks 02/experts",
    ),
    "two layers of a name": (
        lambda header: header | {"layers": [{**one, "name": "a"} for one in header["layers"]]},
        "two layers have the same name: a, a",
    ),
    "a layer without a name": (first_layer_with(name=""), r"see its layers\.0\.name"),
    "no experts": (first_layer_with(experts=0), r"see its layers\.0\.experts"),
    "too many experts": (first_layer_with(experts=65_536), r"see its layers\.0\.experts"),
    "fewer experts": (
        first_layer_with(experts=254),
        r"00/probabilities is \(2, 255\) float16, but should be \(2, 254\)",
    ),
    "experts of the other type": (
        first_layer_with(experts=256),
        r"00/experts is \(3, 2\) uint8, but should be \(3, 2\) u",
    ),
    "other slots": (first_layer_with(slots=3), r"00/experts is \(3, 2\) uint8, but should be \(3, 3\) uint8"),
    "ranked": (first_layer_with(ranked="yes"), r"see its layers\.0\.ranked"),
    "a label that is not there": (header_with(row_labels={"class": ["a"]}), r"rows\.npz lacks label/class"),
    "a label that leads elsewhere": (header_with(row_labels={"../x": ["a"]}), r"rows\.npz lacks label/\.\./x"),
    "a label with a terminal's words": (header_with(row_labels={"\x1b[2J": ["a"]}), r"lacks label/\\x1b\[2J"),
    "labels without end": (header_with(row_labels={str(n): [] for n in range(1001)}), "see its row_labels"),
    "names that are none": (header_with(document_labels={"domain": [3]}), r"see its document_labels\.domain\.0"),
    "a name twice": (header_with(document_labels={"domain": ["a", "a"]}), "each different from the others"),
    "a number without a name": (
        header_with(document_labels={"domain": []}),
        "labels: numbers -1 to 0; expected -1 to -1",
    ),
    "missing": (header_with(missing={"loss": 3}), r"see its missing\.loss"),
    "source": (header_with(source=["a"]), "see its source"),
}


def refuse(run: Run, said: str) -> None:
    with pytest.raises(RunError, match=said) as caught:
        read_trace(Run(run.path))
    text = str(caught.value)
    assert "\n" not in text and text.isprintable() and str(run.path) in text


@pytest.mark.parametrize(("change", "said"), FORGED_HEADERS.values(), ids=FORGED_HEADERS)
def test_a_forged_header(tmp_path, change, said):
    run = written(TRACE, tmp_path)
    write_json(tmp_path / "trace.json", change(dict(run.trace_header)))
    refuse(run, r"trace\.json is not what the run has written")
    # who forges a header writes no checksum that tells of it
    write_json(tmp_path / "status.json", {**run.status, "checksums": {}})
    refuse(run, said)


FORGED_ARRAYS = {
    "no document": ("rows", {"document": None}, "lacks document"),
    "documents as floats": (
        "rows",
        {"document": np.zeros(3)},
        r"document is \(3,\) float64, but should be \(3,\) int32",
    ),
    "documents the other way round": ("rows", {"document": np.zeros(3, ">i4")}, r"document is \(3,\) >i4, but should"),
    "a document that is not there": ("rows", {"document": np.array([0, 2, 0], np.int32)}, "document 1 has no row"),
    "fewer documents than it says": (
        "rows",
        {"document": np.zeros(3, np.int32)},
        "label 'domain': 2 values; expected 1",
    ),
    "a table for a column": (
        "rows",
        {"loss": np.zeros((3, 1), np.float32)},
        r"loss is \(3, 1\) float32, but should be",
    ),
    "an infinite loss": ("rows", {"loss": np.full(3, np.inf, np.float32)}, "the losses hold infinite numbers"),
    "a label beyond its names": ("documents", {"label/domain": np.array([0, 1], np.int32)}, "labels: numbers 0 to 1"),
    "no label": ("documents", {"label/domain": None}, r"documents\.npz lacks label/domain"),
    "no experts": ("layers", {"01/experts": None}, r"layers\.npz lacks 01/experts"),
    "an expert beyond the last": ("layers", {"01/experts": np.full((3, 1), 256, np.uint16)}, "numbers 256 to 256"),
    "an expert twice": ("layers", {"00/experts": np.zeros((3, 2), np.uint8)}, "row 0 selects an expert twice"),
    "signed experts": ("layers", {"01/experts": np.zeros((3, 1), np.int16)}, r"is \(3, 1\) int16, but should be"),
    "a weight that is none": (
        "layers",
        {"00/weights": np.full((3, 2), np.nan, np.float16)},
        "the weights hold infinite",
    ),
    "a sample of no distributions": ("layers", {"00/probabilities": None}, "a sample of rows has probabilities or"),
    "a sampled row that is not there": (
        "layers",
        {"00/sample": np.array([0, 3], np.int32)},
        "sampled rows: numbers 0 to 3",
    ),
    "distributions of other rows": ("layers", {"00/sample": np.zeros(1, np.int32)}, r"00/probabilities is \(2, 255\)"),
    "no numbers": (
        "layers",
        {"00/usage": np.array(["a"] * 255)},
        "00/usage is .255,. <U1, but should be .255,. float64",
    ),
}


@pytest.mark.parametrize(("file", "changes", "said"), FORGED_ARRAYS.values(), ids=FORGED_ARRAYS)
def test_forged_arrays(tmp_path, file, changes, said):
    run = written(TRACE, tmp_path)
    arrays = run.arrays(file) | changes
    write_npz(tmp_path / f"{file}.npz", {name: array for name, array in arrays.items() if array is not None})
    refuse(run, said)


def test_what_no_reader_knows_stays_packed(tmp_path):
    """A later version may store more. What it stores is not unpacked, whatever it is."""
    run = written(TRACE, tmp_path)
    np.savez(tmp_path / "rows.npz", **run.arrays("rows"), later=np.array([print], dtype=object))
    assert same(read_trace(run).document_T, TRACE.document_T)


@pytest.mark.parametrize("file", ["rows", "documents", "layers"])
def test_a_file_that_is_none(tmp_path, file):
    run = written(TRACE, tmp_path)
    path = tmp_path / f"{file}.npz"
    content = path.read_bytes()
    arrays = dict.fromkeys(run.arrays(file), np.array([print], dtype=object))
    np.savez(path, **arrays)
    refuse(run, "holds Python objects: they can hide code")
    path.write_bytes(content[:-30])
    refuse(run, f"{file}.npz is torn")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../document.npy", b"")
    refuse(run, f"{file}.npz lacks")
    path.unlink()
    refuse(run, f"{file}.npz is missing: the run is finished")
    path.symlink_to("/etc/hostname")
    refuse(run, "is a link that leads out of its folder")
