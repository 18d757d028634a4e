"""What would exhaust memory or time is refused before it is read."""

import io
import zipfile

import numpy as np
import pytest
import torch

from moe_lab.errors import ConfigError, DataError, RunError
from moe_lab.store import untrusted
from moe_lab.store.run import Run
from moe_lab.store.untrusted import Unusable, read_json, read_yaml


def header(shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return buffer.getvalue()


@pytest.mark.parametrize("shape", [(10**13,), (10**7, 10**7), (-5,), (2**63, 2**63)])
def test_a_declared_shape_is_not_believed(cli, run, here, shape):
    for path in (run.path / "routing.npz", here / "own.npz"):
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("label", "weights", "x_train", "y_train"):
                archive.writestr(f"{name}.npy", header(shape) + b"\0" * 64)
    for words in (("report", "run"), ("train", "dataset=npz", "dataset.path=own.npz")):
        result = cli(*words)
        assert result.code == 2 and result.err.count("\n") == 1 and "holds 64 bytes" in result.err, result


@pytest.mark.parametrize("name", ["routing.npz", "checkpoint.pt"])
def test_a_zip_that_unpacks_to_more_than_memory_is_not_unpacked(cli, run, monkeypatch, name):
    """1 MB of zeros is 1 kB in the zip: here a machine of 1 MB stands for one of many GB."""
    if name == "routing.npz":
        np.savez_compressed(run.path / name, x=np.zeros(2**17))
        assert (run.path / name).stat().st_size < 2**12
    else:
        torch.save({"keys": [], "learner": {"x": torch.zeros(2**18)}}, run.path / name)
    monkeypatch.setattr(untrusted, "memory", lambda: 2**20)
    with pytest.raises(RunError, match="more than half of this machine's memory"):
        run.arrays("routing") if name == "routing.npz" else __import__("moe_lab").load(run.path).model()


def test_a_data_file_larger_than_memory_is_refused(tmp_path, monkeypatch):
    from moe_lab.data.npz import Npz

    np.savez_compressed(tmp_path / "own.npz", x_train=np.zeros((2**16, 2)), y_train=np.arange(2**16) % 2)
    monkeypatch.setattr(untrusted, "memory", lambda: 2**20)
    with pytest.raises(DataError, match="more than half of this machine's memory"):
        Npz(path=str(tmp_path / "own.npz")).load()


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
)
YAML_BOMBS = {
    "aliases": LAUGHS,
    "an alias that holds itself": "a: &a [*a]\n",
    "two that hold each other": "a: &a {b: &b [*a, *a]}\n",
    "depth": "[" * 5000,
    "nested mappings": "".join(f"{' ' * n}a:\n" for n in range(400)),
    "length": "# comment\n" * 100_000,
    "merges": "a: &a {x: 1}\n" + "".join(f"b{n}: {{<<: *a}}\n" for n in range(9000)),
}


@pytest.mark.parametrize("text", YAML_BOMBS.values(), ids=YAML_BOMBS)
def test_yaml_bombs(text, tmp_path):
    with pytest.raises(Unusable) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value)
    (tmp_path / "status.json").write_text('{"status": "finished"}')
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(RunError, match=r"config\.yaml is too"):
        _ = Run(tmp_path).config
    from moe_lab.config.sources import open_sources

    (tmp_path / "own" / "gate").mkdir(parents=True)
    (tmp_path / "own" / "gate" / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"mine\.yaml is too"):
        open_sources(tmp_path / "own")


WRONG = [
    "!!int ''",
    "!!bool x",
    "!!timestamp x",
    "!!float x",
    "a: !!binary x",
    "2023-99-99",
    "0x",
    "1:99:",
    "? [a]\n: 3",
]


@pytest.mark.parametrize("text", WRONG)
def test_yaml_that_its_reader_stumbles_over(text):
    try:
        read_yaml(text)
    except Unusable as error:
        assert "\n" not in str(error)


def test_json_bombs():
    for text in ("[" * 100_000, '{"a":' * 100_000, "9" * 5000, ""):
        with pytest.raises(Unusable, match="is not JSON"):
            read_json(text)
    assert read_json('{"a": NaN, "b": -Infinity}') == {"a": None, "b": None}
