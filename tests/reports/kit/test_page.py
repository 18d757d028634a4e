import re

from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.reports.kit.page import markdown, table


def test_markup_is_shown_and_not_obeyed():
    assert markdown("a|b <i> *c* `d`") == "a\\|b &lt;i&gt; \\*c\\* \\`d\\`"


def test_an_entity_is_not_made_by_the_user():
    assert markdown("&lt;") == "&amp;lt;"


def test_a_cell_stays_on_its_line():
    assert markdown("one\n\ntwo") == "one two"


def test_columns_are_padded_to_one_width():
    assert table(["name", "n"], [["a", 1], ["long name", 22]], "lr") == "\n".join(
        [
            "| name      |   n |",
            "| --------- | --: |",
            "| a         |   1 |",
            "| long name |  22 |",
        ]
    )


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
@settings(deadline=None)
def test_every_row_has_as_many_cells_as_the_header(rows):
    text = table(["a", "b"], rows, "ll")
    lines = text.split("\n")
    assert len(lines) == len(rows) + 2
    assert {len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in lines} == {3}
    assert "<" not in text
