"""docs/traces-record.md: its example runs from the model to the report, and what the page says of it holds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hf.families import FAMILIES

pytestmark = pytest.mark.hf
PAGE = Path(__file__).parents[2] / "docs" / "traces-record.md"
TEXT = PAGE.read_text()


def without_numbers(text):
    return re.sub(r"\d[\d.,]*", "N", text)


def test_the_example(cli):
    maker, generated = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    Path("make_model.py").write_text(maker)
    subprocess.run([sys.executable, "make_model.py"], check=True, capture_output=True)
    recorded, checked, reported = (cli(*line.split()) for line in re.findall(r"^moe-lab (.*)$", TEXT, re.MULTILINE))
    assert recorded.code == checked.code == reported.code == 0 and recorded.err == "", recorded
    shown = re.search(r"^```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)[1]
    assert without_numbers(recorded.out) == without_numbers(shown)
    *told, _, following = recorded.out.splitlines()
    assert set(told) <= set(checked.out.splitlines()) and following.split() == [
        "next",
        "moe-lab",
        "report",
        "runs/tiny",
    ]
    page = Path("runs/tiny/report.md").read_text()
    assert re.search(r"^Experts of all 3 layers follow the label folder: ", page, re.MULTILINE)
    names: dict = {}
    exec(generated, names)
    trace = names["trace"]
    assert trace.rows == 2 * 28 and trace.label("module").names == ("os", "re")
    assert trace.position_T.tolist() == [*range(28)] * 2


def test_the_page_names_every_family_that_is_tested():
    passing = re.search(r"Families that pass, .*?\)(.*?)\n\n", TEXT, re.DOTALL)[1]
    assert len(re.split(r",|\band\b", passing)) == len(FAMILIES)
