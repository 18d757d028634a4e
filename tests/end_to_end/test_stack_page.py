"""The Python of docs/stack.md does what the page says."""

import re
from pathlib import Path

from moe_lab.store.run import Run

PAGE = Path(__file__).parents[2] / "docs" / "stack.md"


def test_the_lines_of_the_page(tmp_path, monkeypatch):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    shortened = code.replace("trainer.epochs=20", 'trainer.epochs=1", "trainer.limit_batches=2').replace("(10)", "(3)")
    assert shortened.count("(3)") == 2
    names = {}
    exec(compile(shortened, "docs/stack.md", "exec"), names)
    assert names["outcomes"] == [None] * 3
    runs = [Run(path) for path in sorted((tmp_path / "runs" / "attentive").iterdir())]
    assert [run.status["status"] for run in runs] == ["finished"] * 3
    assert {run.environment["stacked_runs"] for run in runs} == {3}
