"""Files for `moe-lab trace import` from a stranger: nothing is run, and what would fill the memory is not unpacked."""

import base64
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from moe_lab.errors import DataError
from moe_lab.experiment.importers import files
from moe_lab.experiment.importers.formats import FORMATS
from moe_lab.experiment.importers.found import Asked
from moe_lab.experiment.importers.importing import import_trace
from moe_lab.store import untrusted

EXPERTS = Asked(experts=4)


class Trap:
    """Makes a file where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("sprung"),))


def pickled() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([[[Trap()]]], dtype=object), allow_pickle=True)
    return file.getvalue()


def header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<i8", "fortran_order": False, "shape": shape})
    return file.getvalue() + b"\0" * 64


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """The line by which a file of these bytes is refused."""
    monkeypatch.chdir(tmp_path)

    def refuse(content: bytes | str, form: str | None = None, asked: Asked = EXPERTS) -> str:
        path = Path("given")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(DataError) as caught:
            import_trace([path], form, asked=asked)
        assert not Path("sprung").exists()
        text = str(caught.value)
        assert text.startswith(("given ", "given, line 1, ")) and text.isprintable() and len(text) < 500
        return text

    return refuse


def in_zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", content)
    return file.getvalue()


def in_response(content: bytes) -> str:
    return json.dumps({"choices": [{"routed_experts": base64.b64encode(content).decode()}]})


@pytest.mark.parametrize("wrapped", [bytes, in_zip, in_response])
def test_python_objects_are_not_unpickled(refused, wrapped):
    assert "Python objects" in refused(wrapped(pickled()))


@pytest.mark.parametrize("wrapped", [bytes, in_zip, in_response])
@pytest.mark.parametrize("shape", [(10**13, 1, 1), (10**7, 10**7, 1), (2**63, 2**63, 1), (-1, 2, 1)])
def test_a_declared_shape_is_not_believed(refused, wrapped, shape):
    assert "holds 64 bytes" in refused(wrapped(header(shape)))


#: a format whose reader is an extra is tested where that is installed
WITH_EXTRAS = [pytest.param(form, marks=pytest.mark.extras) if form == "flame_moe" else form for form in FORMATS]


@pytest.mark.parametrize("form", WITH_EXTRAS)
def test_a_bare_pickle_is_no_file_of_any_format(refused, form):
    """The error names the file; not a byte of it is loaded."""
    refused(pickle.dumps(Trap()), form, asked=Asked(**dict.fromkeys(FORMATS[form].takes, 1)))


def test_a_zip_that_unpacks_to_more_than_memory_is_not_unpacked(refused, monkeypatch):
    file = io.BytesIO()
    np.savez_compressed(file, a=np.zeros((2**17, 1, 1)))
    monkeypatch.setattr(untrusted, "memory", lambda: 2**20)
    assert len(file.getvalue()) < 2**12
    assert "more than half of this machine's memory" in refused(file.getvalue())


def test_a_long_line_is_not_read(refused, monkeypatch):
    monkeypatch.setattr(files, "MOST_LINE", 1000)
    assert "more than 1000 bytes" in refused("[" + "[[0]]," * 1000 + "[[0]]]")


def test_json_beyond_counting_is_not_parsed(refused, monkeypatch):
    monkeypatch.setattr(untrusted, "MOST_CELLS", 1000)
    assert "1000 at most are read" in refused("[" + "[[0]]," * 1000 + "[[0]]]")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="is no ordinary file"):
        import_trace([tmp_path / "pipe"], asked=EXPERTS)


def test_names_that_a_terminal_would_obey_are_escaped(cli):
    np.savez("a.npz", **{"\x1b[2Jlayer": np.array([[1], [2]])})
    np.save("documents.npy", [0, 1])
    result = cli("trace", "import", "a.npz", "--experts", "4", "--documents", "documents.npy", "--name", "a")
    assert result.code == 2 and "\x1b" not in result.err and "expected a text that can be printed" in result.err
    assert not Path("runs").exists()


def test_a_header_that_ends_in_the_middle_of_an_expression(refused):
    """NumPy reads the header of format 1.0 by Python's tokenizer, which has an error of its own."""
    file = io.BytesIO()
    np.save(file, np.ones((4, 2, 1), dtype=np.int64))
    assert "is damaged (" in refused(file.getvalue().replace(b"(4, 2, 1)", b"(4, 2, 1 "))
