"""The table in LaTeX and in Markdown, and other people's numbers below it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moe_lab.errors import RunError
from moe_lab.reports.arms.collect import collect
from moe_lab.reports.arms.measured import Measured
from moe_lab.reports.paper.chosen import choose
from moe_lab.reports.paper.external import External, Printed
from moe_lab.reports.paper.markup import latex_table, markdown_table, tex
from moe_lab.reports.paper.table import SEVERAL_SAID, SINGLE, arm_table, choice_word, listing

THEIRS = External(
    "Their net_2", "Shazeer et al. 2017, arXiv:1701.06538", {"test_error_rate": Printed(0.031, 0.004, 10)}
)
UNKNOWN = External("50% off", "Somebody 1999", {"test_error_rate": Printed(0.05, None, None)})


def cells(table: str) -> list[list[str]]:
    """The rows of a LaTeX table; each ends with two backslashes."""
    body = table[table.index(r"\toprule") : table.index(r"\bottomrule")]
    return [
        re.split(r"(?<!\\) & ", line.strip().removesuffix(r" \\"))
        for line in body.splitlines()
        if line.endswith(r" \\")
    ]


def test_latex(chosen):
    text = latex_table(arm_table(chosen(columns="test_error_rate"), [THEIRS, UNKNOWN]))
    head, softmax, attentive, _, published, theirs, unknown = cells(text)
    assert head == ["gate", "$n$", r"\shortstack[l]{Test error\\(\%) $\downarrow$}"]
    # mean .0435, sd .00245, standard error .000866, t_7(.975) = 2.365: on the logit the reach is
    # .000866 * 2.365 / (.0435 * .9565) = .0492, from .04149 to .04560
    assert softmax == ["softmax", "8", r"4.3 {\small {[}4.1, 4.6{]}}"]
    # a point less: .0335, from .03152 to .03560
    assert attentive == ["attentive", "8", r"\textbf{3.4} {\small {[}3.2, 3.6{]}}"]
    assert published == [r"\multicolumn{3}{l}{\emph{Published numbers, not tested}}"]
    assert theirs == [r"\multicolumn{1}{l}{Their net\_2~\cite{shazeer2017}}", "10", r"3.1 $\pm$ 0.4"]
    assert unknown == [r"\multicolumn{1}{l}{50\% off}", "--", "5.0"]
    assert text.count("{") == text.count("}") and r"\usepackage{booktabs}" in text
    assert "after Holm over 3 comparisons: every two arms in test error" in text
    assert r"neither tested nor marked. 50\% off: Somebody 1999.}" in text


def test_the_mark_of_what_is_not_shown_to_differ(grid):
    errors = [0.040, 0.042, 0.044, 0.046, 0.041, 0.043]
    one = choose(
        Measured(collect(grid({"softmax": errors, "top_k": [*errors[3:], *errors[:2], 0.0445]}))), "test_error_rate"
    )
    [_, softmax, top_k] = cells(latex_table(arm_table(one)))
    # both have every value but .044 and .0445: the means differ by .5 / 6 thousandths, and the mark says that this is
    # not shown to be a difference
    assert r"\textbf{4.3}" in softmax[2] and r"4.3$^{\dagger}$" in top_k[2]


def test_markdown(chosen):
    lines = markdown_table(arm_table(chosen(rows="gate=softmax,gate=attentive"), [THEIRS])).splitlines()
    assert lines[0].startswith("| gate | n | Test error (%) ↓ | Information I(E;Y) (bits) ↑ | Load entropy")
    assert lines[2].startswith("| softmax | 8 | 4.3 \\[4.1, 4.6\\] | ") and "| **3.4** \\[" in lines[3]
    assert lines[4].startswith(
        "| Their net\\_2 (Shazeer et al. 2017, arXiv:1701.06538; published) | 10 | 3.1 ± 0.4 | – |"
    )
    assert {line.count("|") for line in lines[:5]} == {6} and lines[5] == ""


def test_rows_are_in_the_order_that_was_given(chosen):
    table = arm_table(chosen(rows="gate=top_k,gate=softmax"))
    assert [line.names for group in table.groups for line in group] == [("top_k",), ("softmax",)]


def test_one_run_an_arm(grid):
    table = arm_table(choose(Measured(collect(grid({"softmax": [0.1], "attentive": [0.2]})))))
    assert table.notes == (SINGLE,)
    assert all(not value.best and not value.beside for group in table.groups for line in group for value in line.values)


@pytest.mark.parametrize(
    ("error", "bits", "shown"), [(10, 10, "10"), (10, 5, "10/5"), (None, 3, "–/3"), (None, None, "–")]
)
def test_the_n_of_a_published_row_are_those_of_its_metrics(chosen, error, bits, shown):
    values = {"load_entropy_bits": Printed(2.0, None, bits), "test_error_rate": Printed(0.03, None, error)}
    table = arm_table(chosen(), [External("Net", "A 2017", values)])
    assert [line.n for line in table.external] == [shown] and (SEVERAL_SAID in table.notes) == ("/" in shown)


def test_an_external_number_needs_its_column(chosen):
    with pytest.raises(RunError, match="Their net_2 has test_error_rate, which is not a column: add it with --columns"):
        arm_table(chosen(columns="load_entropy_bits"), [THEIRS])


@pytest.mark.parametrize(
    ("level", "word"),
    [("[]", "none"), ("[a,b]", "a, b"), ("softmax", "softmax"), ("[[0,1],[2]]", "[[0,1],[2]]"), ("–", "–")],
)
def test_a_choice(level, word):
    assert choice_word(level) == word


def test_a_listing():
    assert [listing(words) for words in (["a"], ["a", "b"], ["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


def test_latex_obeys_nothing_of_a_name():
    assert tex("50% of $x_1^2 {#&~\\") == r"50\% of \$x\_1\textasciicircum{}2 \{\#\&\textasciitilde{}\textbackslash{}"
    assert tex("\N{MINUS SIGN}1\N{NO-BREAK SPACE}%\nb") == r"$-$1~\% b"


@given(st.text())
def test_whatever_the_text_it_opens_no_group_and_no_command(text):
    written = tex(text)
    bare = re.sub(r"\\[{}_&%$#]|\\text\w+\{\}|\\pm|\$\^\{\\dagger\}\$|\$\^2\$|\$-\$|\{[][*]\}", "", written)
    assert not set(bare) & set("\\{}_&%#^*[]\n")
