"""Fixtures for every test: one torch thread, and a way to run the command line in this process."""

import gc
import io
import os
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
_REAL_DATA = os.environ.get("MOE_LAB_DATA")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is imported and collected stays to the end, so the garbage collector never goes through it again."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "real_data" in getattr(item, "fixturenames", ()):
            item.add_marker("real_data")


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True, scope="session")
def parsed_once() -> Iterator[None]:
    """Hydra parses some twenty files anew for each config that it composes; here each text is parsed once. What cannot
    be parsed is left to OmegaConf, whose error names the file.
    """
    from omegaconf import OmegaConf

    parse = OmegaConf.load

    @cache
    def parsed(text: str) -> Any:
        return OmegaConf.to_container(parse(io.StringIO(text)))

    def load(file: Any) -> Any:
        start = file.tell()
        try:
            return OmegaConf.create(parsed(file.read()))
        except Exception:
            file.seek(start)
            return parse(file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(OmegaConf, "load", load)
        yield


@pytest.fixture(autouse=True)
def no_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only tests that ask for ``real_data`` see a data folder, so that the others end alike on every machine."""
    monkeypatch.delenv("MOE_LAB_DATA", raising=False)


@dataclass
class Result:
    """How a command ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture, tmp_path: Path
) -> Iterator[Callable[..., Result]]:
    """Run `moe-lab ARGUMENTS...` in this process, in a fresh folder; plug-ins that it loads are forgotten again.

    ``compare=True``: `moe-lab train` trains its twins too, which takes three times as long.
    """
    from moe_lab.cli.main import main
    from moe_lab.config.plugins import loaded_plugins

    folder = tmp_path / "cwd"
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    # what a command prints does not depend on how fast the machine plans
    monkeypatch.setattr("moe_lab.cli.sweep_progress.PATIENCE_SECONDS", float("inf"))

    def run(*arguments: str | Path, compare: bool = False) -> Result:
        first, *others = map(str, arguments) if arguments else [""]
        alone = ["--no-compare"] if first == "train" and not compare else []
        monkeypatch.setattr("sys.argv", ["moe-lab", *([first] if arguments else []), *alone, *others])
        capfd.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    yield run
    for name in loaded_plugins():
        del sys.modules[name]


#: files of a run folder that tell of the moment and the process
OF_THE_MOMENT = ("status.json", "environment.json", "timing.csv", "train.log", "checkpoint", "claim")


@pytest.fixture(scope="session")
def same_bytes() -> Callable[[Path, Path], None]:
    """Asserts that two run folders hold the same files, to the byte, but for what tells of the moment."""

    def files(folder: Path) -> dict[str, Path]:
        return {one.name: one for one in folder.iterdir() if not one.name.startswith(OF_THE_MOMENT)}

    def compare(one: Path, other: Path) -> None:
        here, there = files(one), files(other)
        assert here.keys() == there.keys() and {"routing.npz", "layers.npz"} & here.keys()
        assert [name for name in here if here[name].read_bytes() != there[name].read_bytes()] == []

    return compare


@pytest.fixture
def real_data(no_data_folder: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the real MNIST and Fashion-MNIST, as MOE_LAB_DATA names it; skips if there is none."""
    if not _REAL_DATA:
        pytest.skip("no real data here: set MOE_LAB_DATA to a folder with MNIST and Fashion-MNIST")
    monkeypatch.setenv("MOE_LAB_DATA", _REAL_DATA)
    return Path(_REAL_DATA)
