"""A trace from an untrusted source: any forgery in its header or arrays gives one line, and none of its code is run."""

import zipfile

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.routing.trace_files import read_trace
from moe_lab.store.atomic import write_json, write_npz
from moe_lab.store.run import Run
from tests.routing.traces import TRACE, same, written


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
    "a layer with a terminal's words": (first_layer_with(name="\x1b[2J"), "expected a text that can be printed"),
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


def test_what_is_not_stored_is_not_believed(tmp_path):
    """As many rows as a trace can have, in a header alone: nothing of that size is made."""
    run = written(TRACE, tmp_path)
    write_json(tmp_path / "trace.json", {**run.trace_header, "rows": 2**31 - 1, "documents": 2**31 - 1})
    write_json(tmp_path / "status.json", {**run.status, "checksums": {}})
    refuse(run, r"rows\.npz: document is \(3,\) int32, but should be \(2147483647,\) int32")
