"""The report of a run whose names would be markup: they are shown as text."""

import re
from xml.etree import ElementTree

import pytest

from moe_lab.reports import write_run_report


@pytest.fixture(scope="module")
def hostile(make_run, nasty):
    names = [f"{nasty}{c}$\\frac$\n\x01" for c in range(10)]
    run = make_run("<b>&\"'|`*", class_names=names, differs={"gate": nasty, nasty: "|"})
    write_run_report(run)
    return run


def test_hostile_names_are_shown_as_text(hostile, open_page, nasty):
    page = open_page(hostile.path / "report.html")
    assert not {"script", "b"} & {tag for tag, _ in page.tags}
    assert page.open == []
    assert f"gate = {nasty}" in page.text
    assert "<b>&\"'|`*" in page.text


def test_hostile_names_are_escaped_in_markdown(hostile):
    text = (hostile.path / "report.md").read_text()
    assert "<script" not in text
    assert "<b>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;\"'\\|" in text
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(columns) == 1


def test_figures_of_hostile_names_are_xml(hostile):
    for path in (hostile.path / "figures").glob("*.svg"):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
