import json
from pathlib import Path

import pytest

import moe_lab.cli
from moe_lab.cli.tables import Format, show, text

ROWS = [{"name": "a|b", "value": 0.123456, "choices": {"k": 2}}, {"name": "[bold]c", "value": None, "choices": {}}]
COLUMNS = ["name", "value", "choices"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "-"),
        (True, "yes"),
        (0.123456, "0.1235"),
        (3, "3"),
        ({"k": 2, "gate": "x"}, "k=2 gate=x"),
        ([1, 2.5], "[1,2.5]"),
    ],
)
def test_text(value, expected):
    assert text(value) == expected


def test_forms(capsys):
    def out(form):
        show(ROWS, COLUMNS, form, empty="none")
        return capsys.readouterr().out

    assert json.loads(out(Format.json)) == ROWS
    assert out(Format.csv).splitlines() == ["name,value,choices", 'a|b,0.123456,"{""k"": 2}"', "[bold]c,,{}"]
    assert out(Format.md).splitlines()[2:] == ["| a\\|b | 0.1235 | k=2 |", "| [bold]c | - |  |"]
    # what a user wrote is text, not markup
    assert "[bold]c" in out(Format.table)


def test_empty(capsys):
    show([], COLUMNS, Format.json, empty="none")
    assert json.loads(capsys.readouterr().out) == []
    show([], COLUMNS, Format.table, empty="none")
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err == "none\n"


def test_labels_choose_the_columns_of_the_terminal(capsys):
    show(ROWS, COLUMNS, Format.table, empty="none", labels={"value": "number"})
    printed = capsys.readouterr().out
    assert "number" in printed and "choices" not in printed


def test_numbers_are_never_cut_and_a_long_name_is_wrapped(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    rows = [{"run": "jobs/" + "a" * 70, "error": 0.0361111, "choices": {"gate": "attentive", "k": 2}}]
    show(rows, list(rows[0]), Format.table, empty="", labels={name: name for name in rows[0]})
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 60
    assert any("0.03611" in line for line in lines) and "".join(lines).count("a") >= 70


def test_every_command_prints_through_one_door():
    """cli/terminal.py escapes what a terminal would obey."""
    folder = Path(moe_lab.cli.__file__).parent
    assert [path.name for path in sorted(folder.glob("*.py")) if "typer.echo(" in path.read_text()] == ["terminal.py"]
