import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from moe_lab.config.check import check
from moe_lab.config.compose import compose
from moe_lab.config.plugins import load_plugin, loaded_plugins
from moe_lab.errors import ConfigError

GATE = """
from toy_lab.roles import Gate
from toy_lab.gates.composed import Composed

class MyGate(Gate):
    def __init__(self, sizes, *, scale: float = 1.0) -> None:
        self.scale = scale
"""


@pytest.fixture(autouse=True)
def forget_plugins(toy_lab: Path) -> Iterator[None]:
    yield
    for name in loaded_plugins():
        del sys.modules[name]


def test_a_file_becomes_a_module_of_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "mygate.py"
    file.write_text(GATE)
    module = load_plugin(file)
    assert module.__name__ == "mygate"
    assert sys.modules["mygate"] is module
    assert module.MyGate.__module__ == "mygate"
    assert loaded_plugins() == ["mygate"]
    assert load_plugin(tmp_path / "." / "mygate.py") is module


def test_nothing_is_written_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # PYTHONDONTWRITEBYTECODE, where it is set, would hide what this is about
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    (tmp_path / "mygate.py").write_text(GATE)
    load_plugin(tmp_path / "mygate.py")
    assert [path.name for path in tmp_path.iterdir()] == ["mygate.py"]


def test_a_config_may_name_only_what_this_command_gave(tmp_path: Path) -> None:
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "mine.yaml").write_text("_target_: mygate.MyGate\nscale: 2\n")
    (tmp_path / "mygate.py").write_text(GATE)
    from toy_lab.roles import Experiment

    config = compose(["gate=mine"], tmp_path)
    plugins = [load_plugin(tmp_path / "mygate.py").__name__]
    check(config, Experiment, plugins)
    with pytest.raises(ConfigError, match="is --plugin mygate.py missing"):
        check(config, Experiment)
    config["gate"]["_target_"] = "mygate.Composed"
    with pytest.raises(ConfigError, match="mygate defines no such Gate"):
        check(config, Experiment, plugins)


@pytest.mark.parametrize("name", ["json.py", "numpy.py", "moe_lab.py", "sys.py", "hydra.py"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text("raise SystemExit('ran')\n")
    with pytest.raises(ConfigError, match="there is another module named .*; rename the file$"):
        load_plugin(file)


def test_two_plugins_of_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mygate.py").write_text("")
    load_plugin(tmp_path / "a" / "mygate.py")
    with pytest.raises(ConfigError, match="another module named mygate"):
        load_plugin(tmp_path / "b" / "mygate.py")


def test_a_file_that_python_would_find_anyway_is_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mygate.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_plugin(tmp_path / "mygate.py").__name__ == "mygate"


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("missing.py", None, "there is no such Python file"),
        ("mygate.txt", "", "there is no such Python file"),
        ("my-gate.py", "", "name the file by letters, digits and '_', so that Python can import it"),
        ("mygate.py", "def (", "SyntaxError: "),
        ("mygate.py", "import nope_nope", "ModuleNotFoundError: No module named 'nope_nope'"),
        ("mygate.py", "raise ValueError('a\\nb')", "ValueError: a b"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, name: str, text: str | None, line: str) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_plugin(file)
    assert str(caught.value).startswith(f"--plugin {file}: {line}")
    assert "\n" not in str(caught.value)
    assert name.removesuffix(".py") not in sys.modules


def test_an_interrupt_while_a_plugin_is_imported_stays_one(tmp_path):
    """Ctrl-C is the user's, whatever the file does."""
    (tmp_path / "slow_one.py").write_text("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load_plugin(tmp_path / "slow_one.py")
    assert "slow_one" not in sys.modules
