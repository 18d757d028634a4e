import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from moe_lab.errors import RunError
from moe_lab.store.atomic import write_csv, write_json, write_npz, write_text
from moe_lab.store.run import Run, find_runs


@pytest.fixture
def folder(tmp_path) -> Path:
    path = tmp_path / "runs" / "one"
    path.mkdir(parents=True)
    write_json(path / "status.json", {"status": "finished"})
    return path


def test_files_are_read_as_they_were_written(folder):
    write_csv(folder / "history.csv", [{"epoch": 1, "loss": 0.5}, {"epoch": 2, "loss": None}])
    write_npz(folder / "routing.npz", {"weights": np.eye(2, dtype=np.float32)})
    write_text(folder / "config.yaml", "k: 2\nname: ${oc.env:HOME}\n")
    run = Run(folder)
    assert run.name == "one" and run.finished
    assert run.history_rows == [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": None}]
    assert run.routing["weights"].dtype == np.float32 and run.has("routing") and not run.has("assignments")
    # nothing is resolved: a stranger's config cannot read the environment
    assert run.config == {"k": 2, "name": "${oc.env:HOME}"}


def test_what_is_no_run_folder(tmp_path):
    with pytest.raises(RunError, match="moe-lab runs"):
        Run(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", "{", "not JSON"),
        ("metrics.json", "[]", "no object"),
        ("config.yaml", "a: [", "not YAML"),
        ("history.csv", "epoch,loss\n1,0.5\n2,0.", "truncated"),
        ("history.csv", "epoch,loss\n1,much\n", "no table of numbers"),
        ("config.yaml", "- a", "no mapping"),
        ("routing.npz", "torn", "is torn.*train this run again"),
        ("config.yaml", "!!python/object/apply:os.system [touch made]", "not YAML"),
    ],
)
def test_broken_files_are_named(folder, name, content, message):
    (folder / name).write_text(content)
    attribute = {"history.csv": "history_rows"}.get(name, name.partition(".")[0])
    with pytest.raises(RunError, match=message):
        getattr(Run(folder), attribute)


def test_missing_files_are_named(folder):
    run = Run(folder)
    for attribute in ("metrics", "config", "history_rows", "routing", "environment"):
        with pytest.raises(RunError, match="is missing"):
            getattr(run, attribute)


def test_arrays_run_no_code(folder):
    np.savez(folder / "routing.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(RunError, match=r"routing\.npz has x\.npy, which holds Python objects"):
        Run(folder).arrays("routing")


def test_a_dead_process_is_lost(folder):
    status = {"status": "running", "host": socket.gethostname(), "pid": os.getpid(), "process_start": -1}
    (folder / "status.json").write_text(json.dumps(status))
    assert Run(folder).status["status"] == "lost"


def test_find_runs_sorts_and_follows_no_links_out(folder, tmp_path):
    other = tmp_path / "elsewhere" / "two"
    other.mkdir(parents=True)
    write_json(other / "status.json", {"status": "failed"})
    (folder.parent / "link").symlink_to(other.parent)
    zero = folder.parent / "nested" / "zero"
    zero.mkdir(parents=True)
    write_json(zero / "status.json", {"status": "failed"})
    assert [run.path for run in find_runs(folder.parent)] == [zero, folder]
    assert find_runs(tmp_path / "nothing") == []
