"""The example of docs/traces.md is run from its first block to its last, and what the page says of it holds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "traces.md"


def test_the_example(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        exec(block, names)
    told = names["told"].set_index("layer")
    assert told.adjusted_p["block1"] < 0.05 < told.adjusted_p["block0"]
    load_share = names["metrics"]["load_share"]["value"]["block1"]
    assert load_share[3] == max(load_share)
    assert names["again"].documents == 40 and (tmp_path / "runs/two-layers/measures.csv").is_file()
    # half precision leaves the selected experts as they were
    assert (names["again"].layers[1].experts_TK == names["trace"].layers[1].experts_TK).all()
    assert "no documents to permute" in capsys.readouterr().out
    for step in ("step-1000", "step-2000"):
        names["trace"].write(f"runs/{step}")
    commands = re.findall(r"^    moe-lab (.*)$", PAGE.read_text(), re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        subprocess.run([sys.executable, "-m", "moe_lab", *command.split()], check=True, capture_output=True)
    assert (tmp_path / "runs/two-layers/report.html").is_file() and list(tmp_path.rglob("steps/report.html"))
    for name in re.findall(r"^\| `(\w+)`", PAGE.read_text().split("## Storing a trace")[0], re.MULTILINE):
        argument = name in names["moe_lab"].Trace.__init__.__annotations__
        assert argument or name in names["frame"].columns, name


def test_every_column_is_explained():
    import moe_lab

    text = PAGE.read_text()
    frame = moe_lab.Trace([[0, 1]], 2, [0, 1], labels={"a": [0, 1]}).measure(permutations=19).frame
    assert [name for name in frame.columns if f"`{name}`" not in text] == []


@pytest.mark.parametrize("word", ["selected", "experts", "documents", "labels", "layers", "ranked", "weights"])
def test_every_argument_is_explained(word):
    assert f"`{word}`" in PAGE.read_text()
