"""A trace comes back from its folder as it was, and a folder that holds none says so in one line."""

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings

from moe_lab import __version__
from moe_lab.errors import RunError
from moe_lab.routing.trace import LayerTrace, Trace
from moe_lab.routing.trace_files import read_trace, write_trace
from moe_lab.store import trace as store
from moe_lab.store.atomic import write_json
from moe_lab.store.run import Run
from tests.routing.traces import TRACE, same, traces, written


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
