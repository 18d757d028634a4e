"""Cells of CSV files: what a spreadsheet would evaluate and a terminal obey is text."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moe_lab.store.cells import csv_text

FORMULAS = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    '=HYPERLINK("http://x","y")',
    "=cmd|' /C calc'!A0",
    "-",
    "+",
    "- 3",
    "-x",
]
NUMBERS = ["1", "-1", "+1", "-.5", "-1.", "1e-3", "-1E+10", "-inf", "+nan", "007"]


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("text", FORMULAS)
def test_what_begins_as_a_formula_gets_an_apostrophe(text):
    assert read(csv_text([text], [{text: text}])) == [[f"'{text}"], [f"'{text}"]]


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", "  =1", "\tx", "\rx", "\u3000=1"])
def test_blanks_before_it_hide_no_formula(text):
    assert csv_text(["a"], [{"a": text}]).partition("\n")[2].lstrip('"').startswith("'")


@pytest.mark.parametrize("text", NUMBERS)
def test_numbers_stay_numbers(text):
    assert csv_text(["a"], [{"a": text}]) == f"a\n{text}\n"


def test_values_that_are_no_text():
    """None is empty; -0.1 is a number, not a formula; True is Python's."""
    assert csv_text(["a", "b", "c", "d"], [{"a": None, "b": -0.1, "c": -(10**20), "d": True}]) == (
        "a,b,c,d\n,-0.1,-100000000000000000000,True\n"
    )
    with pytest.raises(ValueError, match="not in fieldnames"):
        csv_text(["a"], [{"b": 1}])


def test_what_a_terminal_would_obey_is_its_escape():
    assert csv_text(["a"], [{"a": "\x1b[2J\u202ex\ud800"}]) == "a\n\\x1b[2J\\u202ex\\ud800\n"


@given(st.text())
@example("\x1b=1")
@example("\u202e=1")
def test_no_cell_is_a_formula_or_obeyed(text):
    written = csv_text(["a"], [{"a": text}])
    written.encode()
    [_, *cells] = read(written)
    cell = cells[0][0] if cells and cells[0] else ""
    assert not [one for one in cell if not (one.isprintable() or one == "\n" or one.isspace())]
    if cell[:1] in ("\t", "\r", "\n") or cell.strip()[:1] in ("=", "+", "-", "@"):
        # a number, or float raises
        float(cell)
