"""What docs/parallel.md says is refused is refused, for the reason that it gives."""

import csv
import re
from pathlib import Path

import pytest

from moe_lab.errors import ConfigError
from moe_lab.experiment.job import prepare
from tests.parallel import test_memory

TOP = Path(__file__).parents[2]
PAGE = (TOP / "docs" / "parallel.md").read_text()
REFUSED = re.findall(r"^\| `(\S+)` \| (.*?) \|$", PAGE, re.MULTILINE)
COMMANDS = re.findall(r"^(?:moe-lab|.*-m moe_lab) train (?!--resume)(.*?)(?: --runs .*)?$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("word", "reason"), REFUSED)
def test_what_is_refused(word, reason):
    words = {one.partition("=")[0]: one for one in ("parallel=experts", "gate=top_k", "k=2")}
    with pytest.raises(ConfigError) as error:
        prepare(list((words | {word.partition("=")[0]: word}).values()))
    assert reason in str(error.value)


@pytest.mark.parametrize("words", COMMANDS)
def test_its_commands_can_be_trained(words):
    assert prepare(words.split()).config["parallel"]["processes"] == (4 if "parallel.processes=4" in words else 2)


def test_the_page_has_them():
    assert len(REFUSED) == 9 and len(COMMANDS) == 5


def test_what_does_not_fit_one_process():
    """Weights, biases, gradients and Adam's two numbers of the experts that tests/parallel/test_memory.py trains."""
    words = dict(one.split("=") for one in re.search(r"network\.width=(.*?)`", PAGE)[0].strip("`").split())
    width, experts, hidden = (int(words[key]) for key in ("network.width", "experts.count", "experts.hidden"))
    assert (width, experts, hidden) == (test_memory.WIDTH, test_memory.EXPERTS, test_memory.HIDDEN)
    assert f"{experts * (2 * width * hidden + hidden + width) * 4 * 4 / 1e6:.0f} MB. That is" in PAGE


def test_what_a_step_costs():
    """The table has the benchmark's numbers, and the sentences under it follow from them."""
    with open(TOP / "benchmarks" / "results" / "parallel.csv", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    digits = dict(zip(rows[0], (0, 0, 0, 1, 1, 0, 0, 1, 1), strict=True))
    for row in rows:
        shown = [f"{value:.{digits[name]}f}" + " x" * ("ratio" in name) for name, value in row.items()]
        assert f"| {' | '.join(shown)} |" in PAGE
        # what all ranks hold besides experts is the same: 64 experts of 2 * 64 * 256 + 64 + 256 numbers, four times
        others = row["alone_megabytes"] - row["experts"] * (2 * 64 * 256 + 64 + 256) * 4 * 4 / 1e6
        share = (row["alone_megabytes"] - others) / row["ranks"]
        assert row["held_megabytes"] == pytest.approx(others + share, abs=0.01)
        # 2 k B (D + O) numbers of four bytes
        rows_kilobytes = 2 * 2 * row["batch"] * (64 + 64) * 4 * (1 - 1 / row["ranks"]) / 1e3
        assert (
            row["rows_kilobytes"] == pytest.approx(rows_kilobytes, rel=1e-3) and rows_kilobytes < row["sent_kilobytes"]
        )
    assert len(rows) == 6 and all(row["step_ratio"] > 1 for row in rows)
    assert [row["batch"] for row in rows if row["cpu_ratio"] < 1] == [max(row["batch"] for row in rows)]
