"""docs/traces-import.md: its file is imported and measured as the page says; every format and option is there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from moe_lab.experiment.importers.formats import FORMATS

PAGE = Path(__file__).parents[2] / "docs" / "traces-import.md"
TEXT = PAGE.read_text()


def test_the_example(cli):
    """Layer 1 tells nothing of the domain, and layer 2 does."""
    maker, measured = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    Path("make_answers.py").write_text(maker)
    subprocess.run([sys.executable, "make_answers.py"], check=True)
    line = re.search(r"^moe-lab (trace import .*)$", TEXT, re.MULTILINE)[1]
    result = cli(*line.split())
    assert result.code == 0 and f"```text\n{result.out}```" in TEXT, result
    names: dict = {}
    exec(measured, names)
    told = names["told"].set_index("layer")
    assert told.adjusted_p["layer2"] < 0.05 < told.adjusted_p["layer1"]
    assert told.low["layer2"] > told.null_mean["layer2"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_its_row_and_what_is_to_be_added(name):
    row = re.search(rf"^\| `{name}` \|.*$", TEXT, re.MULTILINE)[0]
    added = set(re.findall(r"--(\w+)", row.split("|")[3])) - {"documents"}
    assert added == FORMATS[name].takes
