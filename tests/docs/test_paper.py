"""docs/paper.md is gone from its first line to its last, and what it says of the files holds."""

import re
from pathlib import Path

import pytest

from tests.end_to_end.test_docs import run_lines

PAGE = Path(__file__).parents[2] / "docs" / "paper.md"


@pytest.fixture
def gone(cli, tmp_path) -> Path:
    """The folder in which every command of the page was run, shortened."""
    run_lines(cli, tmp_path / "cwd", PAGE, str)
    return tmp_path / "cwd"


def bare(table: str) -> list[str]:
    """The rows of a LaTeX table without its numbers and marks, which depend on the machine and the epochs."""
    body = table[table.index(r"\begin{tabular}") : table.index(r"\end{tabular}")]
    cells = (
        re.sub(r"\\textbf|\$\^\{\\dagger\}\$|\\small|[{}\[\]]|\d+(\.\d+)?|,", "", line) for line in body.splitlines()
    )
    return [" ".join(line.split()) for line in cells if line.strip()]


def test_the_page(gone):
    text = PAGE.read_text()
    paper = gone / "runs/gates/paper"
    table = (paper / "table.tex").read_text()
    assert bare(table) == bare(text[text.index("\\begin{tabular}") :])
    # the figures that the document includes, and the files of the list
    for name in re.findall(r"\\(?:input|bibliography|includegraphics)(?:\[[^]]*\])?\{paper/([^}]*)\}", text):
        assert [path for path in paper.glob(f"{name}.*") if path.suffix in (".tex", ".bib", ".pdf")], name
    for name in re.findall(r"^\| `([^`]*)` \|", text, re.MULTILINE):
        assert (paper / name).exists(), name
    assert "Another network: Nobody 2020, made up." in table
    other = gone / "two-gates/paper"
    assert "**" in (other / "table.md").read_text() and "[@jacobs1991]" in (other / "methods.md").read_text()
    # the methods of the page, but for the numbers of their papers and of the epochs
    quoted = " ".join(line.removeprefix("> ") for line in text.splitlines() if line.startswith("> "))
    methods = re.sub(r"~\\cite\{[^}]*\}", "", (paper / "methods.tex").read_text()).replace("\\", "").replace("~", " ")
    said = re.sub(r" \[[\d, ]+\]", "", quoted).replace("10 epochs", "1 epoch")
    assert said in " ".join(methods.split())
    # six comparisons of three arms in two metrics need eight seeds
    assert "over 6 comparisons: every two arms in test error and information I(E;Y)" in table
    assert "a difference needs at least 8 seeds" in " ".join(methods.split())
    head = (gone / "values.csv").read_text().partition("\n")[0]
    assert head == "arm,run,seed,seed_init,seed_order,gate,metric,element,value,unit,reason,repeats"
    assert "the numbers of Another network: Nobody 2020, made up" in (paper / "references.bib").read_text()


def test_readme_links_it():
    assert "(docs/paper.md)" in (PAGE.parents[1] / "README.md").read_text()
