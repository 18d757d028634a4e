"""Every `moe-lab ...` line of README and docs is run, in its order, shortened by appended words; a study is planned.
README's lines draw the reports of what they train. Pages of kept studies are tested in test_kept_studies.py.

Those of docs/how-to.md stand in its tables. Lines `python make_NAME.py` run a file that the page shows.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *(path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "study.md")]
HOW_TO = "# How to\n"
SHORT = ["trainer.epochs=1", "trainer.limit_batches=2"]
#: of tasks one after another, each of which takes an epoch
SHORT_TASKS = ["trainer.epochs=5", "trainer.limit_batches=2"]
#: how a data set is made small
SMALL = {"text_modules": ["dataset.domain_bytes=20000"], "markov_languages": ["dataset.sequences=2000"]}
LINE = re.compile(r"^(?:\$ )?(?:moe-lab .*|python make_\w+\.py)$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
IN_TABLE = re.compile(r"`(moe-lab [^`]+)`")
FILE = re.compile(r"<!-- file: (\S+) -->\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def lines(text: str) -> list[str]:
    fenced = [line for block in FENCE.findall(text) for line in LINE.findall(block)]
    return fenced or (IN_TABLE.findall(text) if text.startswith(HOW_TO) else [])


def with_digits(line: str) -> str:
    """The digits in place of the data set that has to be fetched; a study is only planned, which needs no data."""
    return line if " study " in line else re.sub(r"(dataset=|prepare )fashion_mnist", r"\1digits", line)


#: its lines need the extra hf; tests/hf runs them
OF_EXTRAS = ROOT / "docs" / "traces-record.md"
WITH_LINES = [path for path in DOCUMENTS if path != OF_EXTRAS and lines(path.read_text())]
WITH_FASHION_MNIST = [path for path in WITH_LINES if any(line != with_digits(line) for line in lines(path.read_text()))]


def shortened(line: str, *, report: bool = False) -> list[str]:
    """The words of a line, with more that make it short; ``report``: that of a training is drawn."""
    words = [word.replace("range(0,10)", "range(0,2)") for word in shlex.split(line.removeprefix("$ "))[1:]]
    if words[0] == "sweep" and "--resume" not in words:
        return [*words, *SHORT, "launcher=serial", "--no-report"]
    if words[0] == "study":
        return [*words, "--dry-run"]
    if words[0] == "train":
        short = SHORT_TASKS if "recipe=extend" in words else SHORT
        return [*words, *short, *SMALL.get(data_of(words), []), *([] if report else ["--no-report"])]
    return words


def data_of(words: list[str]) -> str | None:
    """The data set that the words name, or that of the language model."""
    chosen = [word.removeprefix("dataset=") for word in words if word.startswith("dataset=")]
    return chosen[-1] if chosen else "text_modules" if "network=language_model" in words else None


def test_readme_has_its_commands():
    assert len(lines((ROOT / "README.md").read_text())) >= 10
    text = (ROOT / "README.md").read_text()
    assert "```\nmake train\nmake test\n```" in text
    # what has to be typed before stands before
    assert text.index("--torch-backend cpu") < text.index("make train")


def test_make_train_names_the_tutorial():
    recipe = (ROOT / "Makefile").read_text().partition("\ntrain:")[2].partition("\n\n")[0]
    assert (
        "moe-lab train\n" in recipe and recipe.endswith('docs/tutorial.md"') and (ROOT / "docs/tutorial.md").is_file()
    )


@pytest.mark.parametrize("document", WITH_LINES, ids=lambda path: path.stem)
def test_the_lines_of_a_document(cli, tmp_path, document):
    """With digits in place of the data that have to be fetched."""
    run_lines(cli, tmp_path / "cwd", document, with_digits)


@pytest.mark.parametrize("document", WITH_FASHION_MNIST, ids=lambda path: path.stem)
def test_the_lines_of_a_document_with_real_data(cli, tmp_path, real_data, document):
    run_lines(cli, tmp_path / "cwd", document, lambda line: line)


def run_lines(cli, folder, document, changed):
    text = document.read_text()
    for name, content in FILE.findall(text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    for line in map(changed, lines(text)):
        if line.startswith("python "):
            subprocess.run([sys.executable, line.split()[1]], cwd=folder, check=True)
            continue
        result = cli(*shortened(line, report=document.stem == "README"))
        assert result.code == 0, f"{line}\n{result.out}{result.err}"
