"""The corpus of commands that are wrong, in the YAML files beside this one: each ends with exit code 2 (or 1 where the
case says so) and one line that says what is wrong, without a traceback, and nothing has been written.

A case is ``COMMAND: REGEXP``, or a mapping: ``run`` (the command), ``says`` (what its line must match), ``code``,
``files`` (path -> content), ``env``, and ``given: run``, which starts with the folder ``run`` of a finished run.
"""

import gzip
import json
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

HERE = Path(__file__).parent
#: what stands for a value that nobody would want to read
LONG = {"@LONG@": "x" * 5_000, "@DIGITS@": "9" * 5_000, "@DEEP@": "[" * 200 + "]" * 200, "@NINES@": "9" * 19}


@dataclass(frozen=True)
class Case:
    """A command line that is wrong: what must stand in its one line, its exit code, and the files it needs."""

    run: str
    says: str
    source: str
    code: int = 2
    given: str = ""
    files: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def arguments(self) -> list[str]:
        words = shlex.split(self.run)
        for name, value in LONG.items():
            words = [word.replace(name, value) for word in words]
        return words

    @property
    def id(self) -> str:
        return f"{self.source}: {self.run}"[:100]


def read_corpus() -> list[Case]:
    """Every case of every file, in order. A file's own ``given``, ``files`` and ``code`` hold for all its cases."""
    return [case for path in sorted(HERE.glob("*.yaml")) for case in _read(path)]


def _read(path: Path) -> list[Case]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    common = {key: content[key] for key in ("given", "code") if key in content}
    shared = content.get("files", {})
    return [
        Case(source=path.stem, **(common | one | {"files": {**shared, **one.get("files", {})}}))
        for one in map(_written_out, content["cases"])
    ]


def _written_out(entry: dict[str, Any]) -> dict[str, Any]:
    """``COMMAND: REGEXP`` on one line, or a mapping with ``run`` and ``says`` and more."""
    if "run" in entry:
        return entry
    [(run, says)] = entry.items()
    return {"run": run, "says": says}


def lay_out(folder: Path, files: Mapping[str, Any]) -> None:
    """Make the files of a case. Text is written as it stands; a mapping with one key says how else."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8")
        else:
            [(kind, given)] = content.items()
            if kind == "copy":
                shutil.copy(folder / given, path)
            else:
                _MAKERS[kind](path, given)


def _set(path: Path, values: Mapping[str, Any]) -> None:
    """Change keys of a YAML or JSON file that is there; a key has dots, a list's item its number."""
    read: Callable[[str], Any] = json.loads if path.suffix == ".json" else yaml.safe_load
    content = read(path.read_text())
    for key, value in values.items():
        *steps, last = (int(step) if step.isdecimal() else step for step in key.split("."))
        node = content
        for step in steps:
            node = node[step]
        node[last] = value
    path.write_text(json.dumps(content) if path.suffix == ".json" else yaml.safe_dump(content, sort_keys=False))


def _npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """KEY: [dtype, shape] counts up from 0; KEY: [dtype, shape, value] holds one value; KEY: {values: [...]}."""
    np.savez(path, **{key: _array(given) for key, given in arrays.items()})


def _array(given: Any) -> np.ndarray:
    if isinstance(given, dict):
        return np.array(given["values"], dtype=given.get("dtype"))
    dtype, shape, *value = given
    if value:
        return np.full(shape, value[0], dtype=dtype)
    return np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)


_MAKERS: dict[str, Callable[[Path, Any], Any]] = {
    "set": _set,
    "npz": _npz,
    # as an array of "npz"; Python objects are pickled
    "npy": lambda path, given: np.save(path, _array(given)),
    "hex": lambda path, digits: path.write_bytes(bytes.fromhex(digits)),
    "gzip": lambda path, digits: path.write_bytes(gzip.compress(bytes.fromhex(digits), mtime=0)),
    "cut": lambda path, count: path.write_bytes(path.read_bytes()[:count]),
    "link": lambda path, target: path.symlink_to(target),
    "folder": lambda path, _: path.mkdir(),
    "repeat": lambda path, given: path.write_text(given[0] * given[1]),
    "mode": lambda path, mode: path.chmod(mode),
}


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """What every file and link below ``folder`` holds."""
    return {
        str(path.relative_to(folder)): (
            f"-> {path.readlink()}" if path.is_symlink() else "folder" if path.is_dir() else path.read_bytes()
        )
        for path in sorted(folder.rglob("*"))
        # the file of a lock: who asks whether a run can go on has to hold it
        if path.name != "claim"
    }


CASES = read_corpus()


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two batches."""
    from moe_lab.experiment import job
    from moe_lab.experiment import run as experiment
    from moe_lab.experiment.inputs import load_data
    from moe_lab.reports import write_run_report
    from moe_lab.store.run import Run

    folder = tmp_path_factory.mktemp("given") / "run"
    folder.mkdir()
    made = job.prepare(["trainer.epochs=1", "trainer.limit_batches=2"])
    experiment.run(made, folder, load_data(made.config))
    write_run_report(Run(folder))
    # what a file holds is looked at even where no checksum tells that it was changed
    _set(folder / "status.json", {"checksums": {}})
    return folder


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_wrong_command_gives_one_line_and_writes_nothing(case, cli, request, tmp_path, monkeypatch):
    folder = tmp_path / "cwd"
    monkeypatch.delenv("HYDRA_FULL_ERROR", raising=False)
    for name, value in case.env.items():
        monkeypatch.setenv(name, value)
    if case.given == "run":
        shutil.copytree(request.getfixturevalue("finished_run"), folder / "run")
    lay_out(folder, case.files)
    before = snapshot(folder)
    result = cli(*case.arguments)
    assert result.code == case.code, result
    assert result.out == "" and result.err.count("\n") == 1 and len(result.err) < 2100, result
    assert result.err[:-1].isprintable() and re.search(case.says, result.err), result
    assert snapshot(folder) == before
    assert not any(value in result.err for value in case.env.values())


def test_the_corpus_is_large_and_no_case_stands_twice():
    assert len(CASES) >= 200
    keys = [(case.run, str(case.files)) for case in CASES]
    assert len(set(keys)) == len(keys)


def test_python_raises_what_the_command_line_prints():
    from moe_lab.errors import ConfigError, RunError
    from moe_lab.experiment.job import prepare
    from moe_lab.store.run import Run

    for words in (["gate=sofmax"], ["k=two"], ["k=9"], ["gatee=x"], ["experts=gaussian"], ["trainer.lr=nan"]):
        with pytest.raises(ConfigError):
            prepare(words)
    with pytest.raises(RunError):
        Run("nowhere")
