import subprocess
import sys
from pathlib import Path

import pytest

from moe_lab.config import catalog as module
from moe_lab.config.catalog import catalog
from moe_lab.errors import ConfigError


@pytest.fixture
def toys(toy_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalog looks for source files below ``moe_lab``; here that is the toy lab under another name."""
    conf = tmp_path / "conf"
    for file in sorted(toy_lab.rglob("*.yaml")):
        copy = conf / file.relative_to(toy_lab)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text().replace("toy_lab.", "moe_lab."))
    (tmp_path / "moe_lab").symlink_to(toy_lab.parent / "toy_lab")
    monkeypatch.setattr(module, "_PACKAGE_ROOT", tmp_path)
    monkeypatch.setattr("moe_lab.config.sources.BUILT_IN", conf)


def row(group: str, name: str) -> dict[str, str]:
    return next(one for one in catalog(group) if one["name"] == name)


@pytest.mark.usefixtures("toys")
def test_the_docstring_speaks_for_a_class_of_its_own() -> None:
    assert row("gate/score", "mlp") == {
        "group": "gate/score",
        "name": "mlp",
        "summary": "One hidden layer.",
        "source": "Someone 1991, A paper whose line goes on here, arXiv:1234.56789.",
        "target": "moe_lab.gates.score.scores.Mlp",
    }


@pytest.mark.usefixtures("toys")
def test_the_comment_speaks_for_options_of_one_class() -> None:
    assert (row("gate", "softmax")["summary"], row("gate", "softmax")["source"]) == ("Every expert.", "Jacobs 1991.")
    assert (row("gate", "top_k")["summary"], row("gate", "top_k")["source"]) == ("The k largest.", "")
    assert row("gate", "stacked")["summary"] == "Several scores."


@pytest.mark.usefixtures("toys")
def test_the_comment_stands_in_for_a_missing_docstring() -> None:
    assert row("dataset", "digits")["summary"] == "Digits that come with it."
    assert row("regularizer", "importance")["summary"] == ""


@pytest.mark.usefixtures("toys")
def test_all_groups_a_users_folder_and_wrong_names(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "gate").mkdir(parents=True)
    (own / "gate" / "mine.yaml").write_text("# My gate.\n# Source: me.\n_target_: mygate.Mine\n")
    rows = catalog(config_dir=own)
    assert [one["name"] for one in rows if one["group"] == "gate"] == ["mine", "softmax", "stacked", "top_k"]
    assert {"group": "gate", "name": "mine", "summary": "My gate.", "source": "me.", "target": "mygate.Mine"} in rows
    with pytest.raises(ConfigError, match="no group named 'gats'. Did you mean gate?"):
        catalog("gats")


def test_every_option_that_comes_with_moe_lab_has_a_line_and_a_class() -> None:
    rows = catalog()
    assert {"dataset", "experts", "gate", "objective", "regularizer", "trainer"} <= {one["group"] for one in rows}
    for one in rows:
        assert one["summary"], one
        # a study is a table of numbers, and no network needs no class
        classless = one["group"] == "study" or (one["group"], one["name"]) in (
            ("network", "none"),
            ("parallel", "none"),
        )
        assert classless or one["target"].startswith("moe_lab."), one


def test_listing_needs_neither_torch_nor_hydra() -> None:
    names = ["catalog", "compose", "check", "build", "plugins", "differences"]
    imports = "; ".join(f"import moe_lab.config.{name}" for name in names)
    heavy = "[name for name in ('torch', 'hydra', 'omegaconf', 'pydantic', 'numpy') if name in sys.modules]"
    code = f"import sys; {imports}; moe_lab.config.catalog.catalog(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
