"""`moe-lab trace`: its output; a wrong command writes nothing."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from moe_lab.experiment.importers.formats import FORMATS
from tests.experiment.importers.files import MADE

VLLM = MADE["vllm, base64"][1]


def test_a_file_is_imported_and_what_it_lacks_is_said(cli):
    Path("domains.csv").write_text("document,domain\n0,code\n1,prose\n")
    words = ("trace", "import", VLLM(Path()), "--experts", "4", "--labels", "domains.csv", "--name", "served")
    result = cli(*words)
    assert result.code == 0 and result.err == "", result
    lines = result.out.splitlines()
    assert lines[0] == "5 rows of 2 documents, 2 layers: vllm: choices.json" and lines[-2] == "trace   runs/served"
    assert lines[-1] == "next    moe-lab report runs/served"
    for text in (
        "- documents: 2 are few for tests and intervals; 20 or more are better",
        "- label domain: it has only 1 document with code, 1 document with prose; 20 or more of each are better",
        "- weights: not known, so every slot counts the same (the format has the selected experts alone)",
        "- dense layers: layer 0 of 0 to 2 in the file holds 0 alone, as a dense layer does, and is left out",
    ):
        assert text in lines
    header = json.loads(Path("runs/served/trace.json").read_text())
    assert header["missing"]["dense layers"] in result.out and header["documents"] == 2
    again = cli(*words)
    assert again.code == 2 and "runs/served" in again.err and again.err.count("\n") == 1


def test_check_says_the_same_of_the_folder(cli):
    imported = cli("trace", "import", VLLM(Path()), "--experts", "4", "--name", "served")
    checked = cli("trace", "check", "runs/served")
    assert checked.code == 0 and checked.err == ""
    assert set(imported.out.splitlines()[:-2]) <= set(checked.out.splitlines())
    assert "- labels: there are none" in checked.out


def test_check_refuses_what_is_no_trace_or_is_damaged(cli):
    cli("trace", "import", VLLM(Path()), "--experts", "4", "--name", "served")
    folder = Path("runs/served")
    arrays = dict(np.load(folder / "layers.npz"))
    arrays["00/experts"][0] = 1
    np.savez(folder / "layers.npz", **arrays)
    for path, said in (("runs/served", "row 0 selects an expert twice"), ("nowhere", "nowhere")):
        result = cli("trace", "check", path)
        assert result.code == 2 and result.out == "" and said in result.err and result.err.count("\n") == 1, result


@pytest.mark.parametrize("name", FORMATS)
def test_help_and_completion_name_every_format(cli, name):
    assert name in cli("trace", "import", "--help").out


def test_recording_without_transformers_says_what_to_install(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    Path("texts").mkdir()
    Path("texts/a.txt").write_text("a")
    result = cli("trace", "record", "model", "--texts", "texts", "--name", "a")
    assert result.code == 2 and "pip install -c constraints.txt -e '.[hf]'" in result.err, result
    assert result.err.count("\n") == 1 and not Path("runs").exists()


def test_parquet_without_pyarrow_says_what_to_install(cli, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    Path("layer_1.parquet").write_bytes(b"PAR1")
    result = cli("trace", "import", "layer_1.parquet", "--experts", "4", "--name", "a")
    assert result.code == 2 and "pip install -c constraints.txt -e '.[parquet]'" in result.err, result
    assert result.err.count("\n") == 1 and not Path("runs").exists()
