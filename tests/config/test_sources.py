from pathlib import Path

import pytest

import moe_lab
from moe_lab.config.sources import Sources, open_sources
from moe_lab.errors import ConfigError

pytestmark = pytest.mark.usefixtures("toy_lab")


def write(folder: Path, name: str, text: str = "_target_: x.Y\n") -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def test_places() -> None:
    sources = open_sources()
    assert sources.several == {"regularizer"}
    assert sources.place("regularizer", "z_loss") == "regularizers.z_loss"
    assert sources.place("gate/score", "mlp") == "gate.score"


def test_a_built_in_name_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "gate/softmax.yaml")
    with pytest.raises(ConfigError) as caught:
        open_sources(tmp_path)
    assert str(caught.value) == f"{file} has the name of the built-in gate/softmax: rename it"


def test_the_built_in_root_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "config.yaml", "k: 3\n")
    with pytest.raises(ConfigError, match="has the name of the built-in config: rename it"):
        open_sources(tmp_path)


@pytest.mark.parametrize("name", ["gates/mine.yaml", "mine.yaml"])
def test_a_file_outside_the_groups_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, name)
    with pytest.raises(ConfigError, match="lies in no group's folder.*There are: dataset, gate, regularizer, trainer"):
        open_sources(tmp_path)


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "gate/mine.yml")
    with pytest.raises(ConfigError, match="name it mine.yaml$"):
        open_sources(tmp_path)


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    write(tmp_path, ".checkpoints/gate/softmax.yaml")
    write(tmp_path, "gate/mine.yaml")
    assert "mine" in open_sources(tmp_path).options("gate")


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        open_sources(tmp_path / "nope")


@pytest.mark.parametrize("head", ["", "# @package regularizers.other\n", "# @package _global_\n"])
def test_one_of_several_must_say_where_it_goes(tmp_path: Path, head: str) -> None:
    write(tmp_path, "regularizer/mine.yaml", f"{head}_target_: x.Y\n")
    with pytest.raises(ConfigError, match="must begin with the line '# @package regularizers.mine'$"):
        open_sources(tmp_path)


@pytest.mark.parametrize("head", ["# @package _global_\n", "# @package hydra.callbacks\n", "# @package gate.x\n"])
def test_an_option_of_a_single_group_lands_nowhere_else(tmp_path: Path, head: str) -> None:
    write(tmp_path, "gate/mine.yaml", f"{head}_target_: x.Y\n")
    with pytest.raises(ConfigError, match="an option has one place, gate:"):
        open_sources(tmp_path)


def test_nothing_follows_the_order_of_a_set():
    """Strings hash differently in every process, and what is written must not."""
    sources = Sources((Path(moe_lab.__file__).parent / "conf",))
    assert len(sources.several) > 2 and list(sources.mappings.values()) == sorted(sources.several)


def test_a_folder_that_is_no_folder_of_options_is_not_searched_to_its_end(tmp_path, monkeypatch):
    """``--config-dir /`` looks at no more than so many entries."""
    monkeypatch.setattr("moe_lab.config.sources.MOST_FILES", 20)
    (tmp_path / "gate").mkdir()
    for number in range(19):
        (tmp_path / f"{number}.txt").touch()
    assert open_sources(tmp_path).folders[1] == tmp_path.resolve()
    (tmp_path / "one more.txt").touch()
    with pytest.raises(ConfigError, match="more than 20 files and folders in it, expected a folder of options"):
        open_sources(tmp_path)
