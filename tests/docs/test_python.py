"""docs/python.md is run from its first block to its last, and what the page says of it holds."""

import re
from pathlib import Path

import pytest

import moe_lab
from moe_lab.config.keywords import as_words

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"


def test_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 7
    for block in blocks:
        exec(block, names)
    said = capsys.readouterr().out
    assert said.count("epoch ") == 5 and "<run first: finished, gate attentive, " in said
    assert float(re.search(r"(\d+)% right", said)[1]) > 80
    assert "<sweep gates: 4 finished; runs/gates>" in said and said.endswith(
        "no gate named 'atentive'. Did you mean attentive? There are: a"[:60] + "\n"
    )
    assert (tmp_path / "runs/gates/report.html").is_file() and names["routed"]["weights"].shape == (1797, 5)
    assert names["chances"].shape == (1797, 10)


ROWS = [line for line in PAGE.read_text().splitlines() if line.startswith("| `")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[:30])
def test_a_row_of_the_table(row):
    keywords, words = (re.findall(r"`([^`]*)`", cell) for cell in row.strip("| ").split(" | ", 1))
    words = [one for one in words if "=" in one and one != "="]
    made = [as_words([], eval(f"dict({one})", {"Path": Path})) for one in keywords]
    typed = [one.strip("'") for one in words]
    # two ways of writing one word
    assert [one for [one] in made] == (typed * len(made) if len(typed) == 1 else typed)


def test_readme_links_it_and_every_function_is_there():
    assert "(docs/python.md)" in (ROOT / "README.md").read_text()
    for name in ("train", "sweep", "study", "load", "load_sweep"):
        assert f"moe_lab.{name}(" in PAGE.read_text() and name in moe_lab.__all__
