"""`moe-lab train` says whether the mixture was worth it: plain networks beside it, in its folder and on its page."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest

import moe_lab
from moe_lab.experiment import train as training
from moe_lab.training.watch import Stopped

SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]


def error(folder: Path) -> float:
    return json.loads((folder / "metrics.json").read_text())["test_error_rate"]["value"]


def status(folder: Path) -> str:
    return json.loads((folder / "status.json").read_text())["status"]


def wrong(folder: Path) -> np.ndarray:
    arrays = np.load(folder / "routing.npz")
    return (arrays["prediction"] != arrays["label"]).astype(float)


def test_a_run_stands_beside_plain_networks(cli, same_bytes):
    result = cli("train", *SHORT, "--name", "a", compare=True)
    assert result.code == 0, result.err
    begin = result.out.partition("epoch 1/2")[0]
    assert "one network like an expert and a dense network of as many parameters (--no-compare leaves" in begin
    single, dense = (Path("runs/a/twins") / name for name in ("single", "dense_total"))
    said = " ".join(result.out.split("Experts' own")[-1].replace("\N{NO-BREAK SPACE}", " ").split())
    numbers = [f"{100 * error(one):.1f} %" for one in (Path("runs/a"), single, dense)]
    beside = f"; beside it one network like an expert {numbers[1]}, a dense network of as many parameters {numbers[2]} "
    took = re.search(
        r"^took    (.+), beside it single (.+) and dense_total (.+)\nrun     runs/a\n", result.out, re.MULTILINE
    )
    assert took and all(re.fullmatch(r"<?\d+ (s|min)", one) for one in took.groups())
    assert f"test error {numbers[0]}" in said and f"{beside}(one seed each, unproven); the choice of expert" in said
    # they are the runs that one would type, and are listed nowhere by themselves
    assert cli("train", *SHORT, "baseline=single", "--no-report", "--name", "typed").code == 0
    same_bytes(single, Path("runs/typed"))
    assert [row["run"] for row in json.loads(cli("runs", "-f", "json").out)] == ["a", "typed"]
    assert moe_lab.load("runs/a").twins.keys() == {"single", "dense_total"}
    # the page: the sentence, and the difference by sample, sd(d) / sqrt N
    page = Path("runs/a/report.md").read_text().replace("\N{NO-BREAK SPACE}", " ")
    assert f"one network like an expert {numbers[1]}" in page and "Was the mixture worth it?" in page
    each = wrong(dense) - wrong(Path("runs/a"))
    change = f"{100 * each.mean():+.1f} ± {100 * each.std() / len(each) ** 0.5:.1f} points".replace("-", "\u2212")
    assert change in page, page


def test_without_them_nothing_is_said_of_them(cli):
    result = cli("train", *SHORT, "--no-compare", "--name", "a")
    assert result.code == 0 and "beside" not in result.out and not Path("runs/a/twins").exists()
    assert "worth it" not in Path("runs/a/report.md").read_text()


def test_a_network_stands_beside_dense_ones(cli):
    words = ["network=mlp", "gate=top_k", "trainer.epochs=1", "trainer.limit_batches=2"]
    result = cli("train", *words, "--name", "n", compare=True)
    assert result.code == 0, result.err
    told = "Plain networks beside it, test error: a dense network of as many active parameters"
    assert told in " ".join(result.out.split()) and told in Path("runs/n/report.md").read_text()
    assert sorted(one.name for one in Path("runs/n/twins").iterdir()) == ["dense_active", "dense_total"]


@pytest.fixture
def stopped_beside(cli, monkeypatch):
    """A run that is finished and was stopped in the first epoch of its first twin."""
    train = training.run

    def run(job, folder, *others, **options):
        train(job, folder, *others, **options)
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training, "run", run)
        return cli("train", *SHORT, "--name", "a", compare=True)


def test_ctrl_c_leaves_the_run_as_it_is_and_resume_trains_the_rest(cli, stopped_beside):
    assert stopped_beside.code == 130
    assert (
        stopped_beside.err.count("\n") == 1
        and "runs/a is finished, runs/a/twins/single stopped in epoch 1; its" in stopped_beside.err
    )
    assert "resume with `moe-lab train --resume runs/a`" in stopped_beside.err
    folder = Path("runs/a")
    before = (folder / "status.json").read_bytes()
    assert status(folder) == "finished" and (folder / "report.html").is_file()
    assert [status(folder / "twins" / name) for name in ("single", "dense_total")] == ["interrupted", "planned"]
    refused = cli("train", "--resume", folder)
    assert refused.code == 2 and "runs/a is finished" in refused.err
    result = cli("train", "--resume", folder, compare=True)
    assert result.code == 0, result.err
    assert [status(folder / "twins" / name) for name in ("single", "dense_total")] == ["finished"] * 2
    assert (folder / "status.json").read_bytes() == before
    assert "a dense network of as many parameters" in (folder / "report.md").read_text()
    refused = cli("train", "--resume", folder, compare=True)
    assert refused.code == 2 and "repeat or vary it" in refused.err


def test_a_twin_that_fails_takes_nothing_along(cli, monkeypatch):
    from moe_lab.experiment import twins

    def fail(job, folder, *others, **options):
        raise RuntimeError("no room") if folder.name == "single" else Stopped("stopped in epoch 1")

    monkeypatch.setattr(twins, "run", fail)
    result = cli("train", *SHORT, "--name", "a", compare=True)
    assert result.code == 130 and "runs/a/twins/single failed: RuntimeError: no room" in result.err
    assert status(Path("runs/a")) == "finished"


def test_twins_are_not_looked_for_through_links(cli):
    cli("train", *SHORT, "--no-report", "--name", "a")
    elsewhere = Path("elsewhere")
    elsewhere.mkdir()
    Path("runs/a/twins").symlink_to(elsewhere.resolve())
    refused = cli("report", "runs/a")
    assert refused.code == 2 and "twins is a link that leads out of its folder" in refused.err
