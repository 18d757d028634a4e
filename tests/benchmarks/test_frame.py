"""The frame of the benchmarks: nothing here asks how long anything took."""

import json
from types import ModuleType

import pytest

import benchmarks
from benchmarks.__main__ import RESULTS, main, measure, note_machine, targets_in
from benchmarks.rows import Row, read_rows, write_rows
from benchmarks.timing import interleaved

ROWS = [Row("9", "small, E=4", 2.0, 1.5, 2.0), Row("9", "large, E=8", 1.0 / 3, 1.5, 2.0)]


def target(rows):
    module = ModuleType("benchmarks.toy", "Target 9: a toy.\n\nMore about it.")
    module.rows = rows
    return module


def test_rows_are_read_back_with_four_digits(tmp_path):
    write_rows(tmp_path / "toy.csv", ROWS)
    assert (tmp_path / "toy.csv").read_text().splitlines()[0] == "target,case,ratio,least,aim"
    assert read_rows(tmp_path / "toy.csv") == [ROWS[0], Row("9", "large, E=8", 0.3333, 1.5, 2.0)]


def test_a_target_is_measured_printed_and_kept_with_its_figure_and_the_machine(tmp_path, capsys):
    asked = []

    def rows(quick):
        asked.append(quick)
        yield from ROWS

    assert measure(target(rows), tmp_path / "results", quick=True) == ROWS
    assert asked == [True]
    assert {path.name for path in (tmp_path / "results").iterdir()} == {"toy.csv", "toy.svg", "machine.json"}
    note_machine(tmp_path / "results", "another")
    noted = json.loads((tmp_path / "results" / "machine.json").read_text())
    assert noted.keys() == {"toy", "another"}
    assert noted["toy"].keys() == {"date", "platform", "cpu", "cores", "gpu", "versions", "git"}
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "Target 9: a toy"
    assert "below" not in out[1].lower() and "BELOW THE LEAST" in out[2]


def test_every_case_is_called_once_a_round_and_once_before_in_turning_order():
    calls = []
    seconds = interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, rounds=2)
    assert "".join(calls) == "abc" + "abc" + "cba"
    assert seconds.keys() == {"a", "b", "c"} and all(0 <= value < 1 for value in seconds.values())


@pytest.mark.parametrize("name", [*targets_in(benchmarks), "growth", "trace_growth"])
def test_a_kept_result_says_on_which_machine_and_when(name):
    noted = json.loads((RESULTS / "machine.json").read_text())[name]
    assert (RESULTS / f"{name}.csv").is_file()
    assert noted["cpu"] and noted["versions"]["torch"] and len(noted["git"]["commit"]) == 40
    assert noted["date"] >= "2026-11-22"


def test_every_target_has_a_title_and_an_unknown_one_is_refused(capsys):
    targets = targets_in(benchmarks)
    assert all(module.__doc__.startswith("Target ") for module in targets.values())
    with pytest.raises(SystemExit) as stop:
        main(["nonsense"])
    assert stop.value.code == 2 and "nonsense" in capsys.readouterr().err
