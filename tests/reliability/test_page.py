"""docs/reliability.md names tests that there are."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def test_every_test_that_the_page_names_exists():
    text = (ROOT / "docs/reliability.md").read_text()
    named = NAMED.findall(text)
    assert len(named) > 40 and text.count("::") == len(named)
    for file, name in named:
        tests = {one.name for one in ast.parse((ROOT / file).read_text()).body if isinstance(one, ast.FunctionDef)}
        assert name in tests, f"{file}::{name}"


def test_every_test_of_reliability_is_named_on_the_page():
    named = set(NAMED.findall((ROOT / "docs/reliability.md").read_text()))
    for path in sorted((ROOT / "tests/reliability").glob("test_*.py")):
        if path.name in ("test_page.py", "test_soak.py"):
            continue
        for one in ast.parse(path.read_text()).body:
            if isinstance(one, ast.FunctionDef) and one.name.startswith("test_") and not _is_soak(one):
                assert (f"tests/reliability/{path.name}", one.name) in named, one.name


def _is_soak(function: ast.FunctionDef) -> bool:
    return any("soak" in ast.unparse(one) for one in function.decorator_list)
