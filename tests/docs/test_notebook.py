"""docs/notebook.ipynb is executed, by a kernel of its own, from its first cell to its last."""

import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from moe_lab.cli.progress import Cell, Lines, in_notebook, progress

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        # pytest may have set what pictures are drawn with
        patch.delenv("MPLBACKEND", raising=False)
        for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name))
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        client = NotebookClient(notebook, timeout=500, kernel_name="python3", resources={"metadata": {"path": folder}})
        return client.execute(), folder


def outputs(notebook, source):
    """What the cells with this source show, by kind; what is shown anew counts once."""
    shown = [one for cell in notebook.cells if source in cell.source for one in cell.get("outputs", [])]
    return [one.data for one in shown if "data" in one]


def test_it_shows_a_run_a_sweep_and_pictures(executed):
    notebook, folder = executed
    assert not [one for cell in notebook.cells for one in cell.get("outputs", []) if one.output_type == "error"]
    bar, run = outputs(notebook, "moe_lab.train(")
    assert bar["text/plain"].startswith("epoch 15/15  val loss ")
    assert bar["text/html"].startswith("<progress value=")
    assert "<table>" in run["text/html"] and "attentive" in run["text/html"]
    for source in ("plots.usage", "plots.class_table", "plots.forest"):
        (picture,) = outputs(notebook, source)
        assert len(picture["image/png"]) > 5000
    (frame,) = outputs(notebook, "run.history")
    assert "validation_error_rate" in frame["text/html"]
    assert "test_error_rate" in outputs(notebook, "moe_lab.sweep(")[-1]["text/html"]
    assert (folder / "runs" / "first" / "status.json").is_file()


def test_what_is_committed_has_no_outputs_and_is_linked():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert all(not cell.outputs and cell.execution_count is None for cell in notebook.cells if cell.cell_type == "code")
    assert NOTEBOOK.stat().st_size < 10_000
    for page in ("README.md", "docs/python.md"):
        assert "notebook.ipynb)" in (ROOT / page).read_text()


def test_elsewhere_progress_is_lines(monkeypatch):
    assert not in_notebook()
    with progress(False) as watch:
        assert isinstance(watch, Lines)
    kernel = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", type("IPython", (), {"get_ipython": staticmethod(lambda: kernel)}))
    with progress(False) as watch:
        assert isinstance(watch, Cell)
