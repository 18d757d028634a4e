"""`moe-lab runs`: what a terminal shows of runs, from their status.json."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest


def write(name: str, differs: dict[str, Any], *, seconds: int = 12, at: str = "2020-03-04T05:06:07+00:00", **more: Any):
    """A run folder with a status alone; it ended so many seconds after 05:06:07 o'clock."""
    end = f"{at[:11]}05:{6 + (7 + seconds) // 60:02}:{(7 + seconds) % 60:02}+00:00"
    choices = {"dataset": "digits", "gate": "softmax", "regularizer": []}
    choices |= {key: differs[key] for key in choices if key in differs}
    facts = {"status": "finished", "started_at": at, "ended_at": end, "differs": differs, "choices": choices}
    facts |= {"headline": {"test_error_rate": 0.04, "mutual_information_expert_label_bits": 1.5}} | more
    folder = Path("runs", name)
    folder.mkdir(parents=True)
    (folder / "status.json").write_text(json.dumps(facts))


@pytest.fixture
def some(cli):
    """Two trained by name, on other data, and a sweep of two."""
    write("b", {"gate": "attentive", "seed": 3, "trainer.lr": 0.01}, headline={"test_error_rate": 0.03})
    write("a", {"dataset": "fashion_mnist", "regularizer": ["importance"]}, seconds=240)
    for seed in (0, 1):
        write(f"s/jobs/gate=top_k,seed={seed}-01234567", {"gate": "top_k", "k": 2} | ({"seed": 1} if seed else {}))


@pytest.fixture
def shown(cli, some, monkeypatch):
    """The lines that a terminal of this width has."""
    monkeypatch.setenv("TZ", "UTC")

    def show(width: int, *words: str) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        result = cli("runs", *words)
        assert result.code == 0, result.err
        lines = [line.rstrip() for line in result.out.splitlines()]
        assert max(map(len, lines)) <= width
        return [line for line in lines if line]

    return show


def test_date_duration_data_set_and_seed_are_always_there(shown):
    for width in (80, 120):
        lines = shown(width)
        assert lines[0] == "runs/" and lines[1].split()[:6] == ["run", "started", "took", "data", "set", "seed"]
        a, b = (next(line for line in lines if line.startswith(f" {name} ")) for name in ("a", "b"))
        assert a.split()[1:6] == ["2020-03-04", "4", "min", "fashion_mnist", "0"]
        assert b.split()[1:6] == ["2020-03-04", "12", "s", "digits", "3"]


def test_jobs_stand_below_their_folder_with_what_their_name_does_not_say(shown):
    lines = shown(80)
    place = lines.index("runs/s/jobs/  all of them: gate=top_k k=2")
    rows = [line.split() for line in lines[place + 3 :]]
    assert [(row[0], row[4], row[5]) for row in rows] == [
        ("gate=top_k,seed=0-01234567", "digits", "0"),
        ("gate=top_k,seed=1-01234567", "digits", "1"),
    ]
    assert not any("choices" in line for line in lines[place:])
    # in one folder alone no name stands above
    assert shown(80, "seed=3")[0].split()[0] == "run"


def test_choices_have_a_column_or_stand_behind_the_name(shown):
    lines = shown(120, "seed=3")
    # the run has no I(E;Y), so there is no such column
    assert lines[0].endswith("choices") and "I(E;Y)" not in lines[0] and "I(E;Y)" in shown(120, "seed=0,3")[1]
    assert lines[2].endswith("gate=attentive trainer.lr=0.01") and "seed=3" not in lines[2]
    narrow = shown(64, "seed=3")
    assert "choices" not in narrow[0] and "gate=attentive" in " ".join(narrow[2:])


def test_sorted_runs_are_one_table(shown):
    lines = shown(120, "--sort", "-test_error_rate")
    assert lines[0].split()[0] == "run" and len([line for line in lines if " run " in line]) == 1
    assert any(line.startswith(" s/jobs/gate=top_k,seed=0-01234567 ") for line in lines)
    times = shown(120, "--sort", "-seconds")
    assert times[2].split()[0] == "a"


def test_errors_of_classes_and_of_numbers_share_a_column(cli, shown):
    write("n", {"dataset": "toy_inverse", "seed": 7}, headline={"test_rmse_sd": 0.5})
    lines = shown(80, "dataset!=fashion_mnist")
    assert " result" in lines[1] and "  0.50 sd" in next(line for line in lines if line.startswith(" n "))
    assert "   3.0 %" in next(line for line in lines if line.startswith(" b "))
    assert not any("RMSE" in line for line in lines)
    # of numbers alone the column says what it is
    alone = shown(80, "dataset=toy_inverse")
    assert "RMSE (sd)" in alone[0] and alone[2].endswith("  0.50")


def test_numbers_are_shown_as_in_reports(cli, shown):
    # 0.0333 is 3.3 %, bits have two digits, or three decimals below a tenth
    bits = {"mutual_information_expert_label_bits": 1.7899, "usage_entropy_bits": 0.0975}
    write("f", {"dataset": "mnist"}, headline={"test_error_rate": 0.03333} | bits)
    lines = shown(100, "dataset=mnist")
    assert lines[0].split()[-3:] == ["error", "I(E;Y)", "H(E)"] and lines[2].endswith("  3.3 %    1.79  0.098")
    # the other forms keep all digits
    assert json.loads(cli("runs", "dataset=mnist", "-f", "json").out)[0]["test_error_rate"] == 0.03333


def test_columns_without_room_are_named_in_the_last_line(cli, shown):
    bits = {"mutual_information_expert_label_bits": 1.5, "usage_entropy_bits": 2.0}
    write("a-run-with-quite-a-long-name", {"dataset": "mnist"}, headline={"test_error_rate": 0.03} | bits)
    assert shown(100, "dataset=mnist")[-1].startswith(" a-run-with")
    assert shown(80, "dataset=mnist")[-1] == "no room for H(E): widen the terminal, or add -f csv"
    assert shown(70, "dataset=mnist")[-1] == "no room for I(E;Y) and H(E): widen the terminal, or add -f csv"


def test_traces_are_listed_by_their_sizes(cli, shown):
    trace = {"kind": "trace", "choices": {}, "headline": {"rows": 188, "documents": 6, "layers": 4}}
    write("mine", {}, **trace)
    lines = shown(80, "kind=trace")
    assert lines[0].split() == ["run", "kind", "started", "took", "rows", "documents", "layers"]
    assert lines[2].split()[-3:] == ["188", "6", "4"] and "-  " not in lines[2]
    # among mixtures they have the columns of these
    assert "documents" not in shown(80)[1]


def test_language_models_are_listed_by_their_loss(cli, shown):
    write("t", {"dataset": "text_modules"}, headline={"test_loss_nats": 2.07, "test_error_rate": 0.58})
    assert "loss (nats)" in (alone := shown(80, "dataset=text_modules"))[0] and "error" not in alone[0]
    assert "2.07" in alone[2] and "0.58" not in alone[2]
    # beside classifiers, in their column, with its unit
    lines = shown(80, "dataset!=fashion_mnist")
    assert " result" in lines[1] and not any("loss" in line for line in lines)
    assert "  2.07 nats" in next(line for line in lines if line.startswith(" t "))


def test_a_run_that_has_not_ended_and_one_that_cannot_be_read(cli, shown):
    running = {"status": "planned", "headline": {}, "started_at": None, "ended_at": None}
    write("planned", {"seed": 8}, **running)
    Path("runs/torn").mkdir()
    Path("runs/torn/status.json").write_text("{")
    lines = shown(80)
    assert next(line for line in lines if line.startswith(" torn")).split()[:6] == ["torn", "unreadable", *"----"]
    assert next(line for line in lines if line.startswith(" planned")).split()[:4] == ["planned", "planned", "-", "-"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "<1 s"), (59, "59 s"), (60, "1 min"), (150, "2 min"), (3600, "1.0 h"), (9000, "2.5 h"), (200000, "2.3 d")],
)
def test_how_long(seconds, text):
    from moe_lab.cli.run_table import how_long

    assert how_long(seconds) == text


def test_the_other_forms_have_moments_and_seconds(cli, some):
    rows = json.loads(cli("runs", "-f", "json").out)
    assert [(row["run"], row["started_at"], row["seconds"], row["dataset"], row["seed"]) for row in rows[:2]] == [
        ("a", "2020-03-04T05:06:07+00:00", 240.0, "fashion_mnist", 0),
        ("b", "2020-03-04T05:06:07+00:00", 12.0, "digits", 3),
    ]
    table = list(csv.DictReader(io.StringIO(cli("runs", "-f", "csv").out)))
    assert list(table[0])[:7] == ["run", "status", "started_at", "seconds", "dataset", "seed", "regularizer"]
    assert [row["seed"] for row in table] == ["0", "3", "0", "1"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["test_error_rate<0.04"], ["b"]),
        (["test_error_rate<=0.04", "dataset=digits"], ["b", "s0", "s1"]),
        (["test_error_rate>0.03", "seed!=0"], ["s1"]),
        (["seconds>=240"], ["a"]),
        (["seed>0", "seed<3"], ["s1"]),
        (["gate!=softmax,top_k"], ["b"]),
        # what has no such number is not below it
        (["mutual_information_expert_label_bits<2"], ["a", "s0", "s1"]),
        (["trainer.lr<0.005"], ["a", "s0", "s1"]),
        (["started_at>=2020-03-04"], ["a", "b", "s0", "s1"]),
        (["started_at<2020"], []),
    ],
)
def test_filters(cli, some, words, names):
    found = [row["run"] for row in json.loads(cli("runs", *words, "-f", "json").out)]
    assert [name.replace("s/jobs/gate=top_k,seed=", "s").partition("-")[0] for name in found] == names


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("test_error_rate<low", "test_error_rate<low: low is not a number; compare a text with = or !="),
        ("gate<softmax", "gate<softmax: softmax is not a number"),
        ("seed<", "seed<: nothing is not a number"),
        ("test_eror_rate<0.1", "no run has the key 'test_eror_rate'. Did you mean test_error_rate?"),
    ],
)
def test_a_filter_that_is_wrong(cli, some, word, says):
    result = cli("runs", word)
    assert result.code == 2 and says in result.err and result.err.count("\n") == 1 and result.out == ""
