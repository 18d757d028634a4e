import io

import pytest
import torch
from rich.console import Console

from moe_lab.cli.progress import Bar, Lines, progress
from moe_lab.cli.sweep_progress import planning
from moe_lab.training.watch import Watch

S = "\N{NO-BREAK SPACE}"


def row(epoch, validation=True, experts=2):
    names = ("loss_nats", "error_rate", "sample_entropy_bits")
    return {
        "epoch": epoch,
        **{f"usage_share_{expert}": 0.5 for expert in range(experts)},
        **{f"train_{name}": 0.5 for name in names},
        **{f"validation_{name}": 0.25 if validation else None for name in names},
    }


def test_lines_are_about_ten(capsys):
    lines = Lines()
    lines.begin(100, 3)
    for epoch in range(1, 101):
        lines.epoch(row(epoch))
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 11 and printed[-1].startswith("epoch 100/100")
    assert f"val loss 0.250  accuracy 75.0{S}%  H(E|X) 0.25 bits" in printed[0]


def test_without_validation_the_training_numbers_are_shown(capsys):
    lines = Lines()
    lines.begin(1, 1)
    lines.epoch(row(1, validation=False))
    assert f"train loss 0.500  accuracy 50.0{S}%" in capsys.readouterr().out


def test_one_expert_has_no_entropy_of_the_gate(capsys):
    lines = Lines()
    lines.begin(1, 1)
    lines.epoch(row(1, experts=1))
    assert capsys.readouterr().out == f"epoch 1/1  val loss 0.250  accuracy 75.0{S}%\n"


@pytest.mark.parametrize("width", [80, 120])
def test_the_bar_fits_the_terminal_and_tells_all(width):
    screen = io.StringIO()
    with progress_on(screen, width) as shown:
        bar = Bar(shown)
        bar.begin(2, 2)
        bar.batch(0, 0, torch.tensor(2.0))
        bar.epoch(row(1))
        bar.epoch(row(2))
    printed = screen.getvalue().splitlines()[-1]
    assert len(printed) <= width
    for part in ("epoch 2/2", "val loss 0.250", f"accuracy 75.0{S}%", "H(E|X) 0.25 bits"):
        assert part in printed


def progress_on(screen, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("moe_lab.cli.progress.Console", lambda: Console(file=screen, width=width, force_terminal=False))
        from moe_lab.cli.progress import make_bar

        return make_bar()


def test_planning_is_silent_for_two_seconds_and_then_tells_ever_more_seldom(capsys, monkeypatch):
    now = iter([0, 1, 1.9, 2.1, 3, 4.5, 7, 8.5])
    monkeypatch.setattr("moe_lab.cli.sweep_progress.time.monotonic", lambda: next(now))
    assert list(planning(quiet=False)("abcdefg", 7, "combinations planned")) == list("abcdefg")
    assert capsys.readouterr() == ("", "".join(f"combinations planned: {done} of 7\n" for done in (2, 4, 6)))
    assert list(planning(quiet=True)("ab", 2, "")) == ["a", "b"]


def test_quiet_and_plain(capsys):
    with progress(quiet=True) as watch:
        assert type(watch) is Watch
    with progress(quiet=False) as watch:
        assert isinstance(watch, Lines)
