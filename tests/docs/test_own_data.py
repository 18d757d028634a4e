"""The examples of docs/own-data.md, done one after the other in a fresh folder."""

import re
import shlex
from importlib.util import find_spec
from pathlib import Path

import pytest

import moe_lab
from moe_lab.store.run import Run

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "own-data.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page(cli, tmp_path, monkeypatch, capfd):
    cwd, done = tmp_path / "cwd", []
    for kind, text in BLOCKS:
        if "parquet" in text and find_spec("pyarrow") is None:
            continue
        if kind == "python":
            assert len(text.splitlines()) <= 10
            exec(text, {})
            if "right" in text and "moe_lab.train" in text:
                assert float(re.search(r"(\d+)% right", capfd.readouterr().out)[1]) > 80
        elif not kind:
            for line in text.splitlines():
                words = shlex.split(line)[1:]
                if line.startswith("python "):
                    # the file is the block above
                    continue
                result = cli(*words, *(["trainer.epochs=1"] if words[0] == "train" else []))
                assert result.code == 0 and result.err == "", (line, result)
                done += [words[-1]] if words[0] == "train" else []
    assert done == ["iris", "signs", "images"]
    names = {"iris": "versicolor", "frame": "versicolor", "signs": "other sign", "images": "digit 7"}
    for name, one_class in names.items():
        run = Run(cwd / "runs" / name)
        assert one_class in (run.path / "report.html").read_text()
        assert one_class in run.arrays("evaluation")["class_names"]
        assert one_class in moe_lab.load(run.path).model().class_names
    for name, attribute in (("iris", "garden"), ("signs", "half")):
        assert attribute in Run(cwd / "runs" / name).arrays("attributes")
        assert attribute in (cwd / "runs" / name / "report.html").read_text()
    # from another folder, as the last section says
    elsewhere = cwd / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert cli("train", "--from", "../runs/iris", "--no-report", "-q").code == 0


@pytest.mark.parametrize("name", ["csv", "parquet", "npz", "image_folder"])
def test_every_form_is_on_the_page_listed_and_in_the_readme(name, cli):
    assert f"dataset={name} dataset.path=" in PAGE
    assert f"`{name}`" in (ROOT / "README.md").read_text()
    assert f"\n{name}," in cli("list", "dataset", "-f", "csv").out


def test_every_option_of_a_table_is_on_the_page(cli):
    for option in ("target", "test_path", "task", "exclude", "attributes", "categories", "missing", "decimal"):
        assert f"dataset.{option}=" in PAGE


def test_readme_links_it():
    assert "(docs/own-data.md)" in (ROOT / "README.md").read_text()
