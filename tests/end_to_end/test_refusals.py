"""What is wrong, breaks or is broken is one clear line, and hides nothing else."""

import json
from pathlib import Path

import pytest

SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]


WRONG = [
    "gate=sofmax", "gatee=softmax", "gate.temprature=2", "k=two", "k=9", "k=0", "seed=-1", "seed=1.5",
    "trainer.lr=0", "trainer.lr=.inf", "trainer.lr=nan", "trainer.epochs=true", "trainer.optimizer=rmsprop",
    "regularizer=null", "gate=null", "~gate", "+foo=1", "++gate.typo=3", "gate=[softmax,top_k]",
    "trainer.lr=${oc.env:HOME}", "k=1,2", "seed=range(0,2)", "dataset=npz", "dataset=npz dataset.path=nope.npz",
    "regularizers.importance.weight=0.3", "regularizer=[importance] experts.count=1", "gate=attentive experts=linear",
    "gate.combine=probabilities k=1", "gate.weigh.over=selected k=1", "gate=top_k experts.count=1",
    "experts.count=0", "gate", "=3", "hydra.run.dir=x", "gate._target_=os.system", "device=tpu",
    "regularizer=[sample_similarity] regularizers.sample_similarity.form=paper", "dataset=[a",
    "--name ../x", "--name a/b", "--config-dir nowhere", "--plugin nowhere.py", "--nmae x",
    "experts.hidden=100000000000", "experts.count=100000000000", "gate.weigh.temperature=1e300",
    "regularizer=[importance] regularizers.importance.weight=1e300", "trainer.threads=100000",
    "experts=conv experts.filters=[]", "experts=conv experts.hidden=[]", "gate.score.body.hidden=[]",
    "experts=conv experts.batch_norm=[5]",
]  # fmt: skip


@pytest.mark.parametrize("words", WRONG)
def test_a_wrong_command_is_one_clear_line_and_nothing_is_written(cli, words):
    result = cli("train", *words.split())
    assert result.code == 2
    assert result.err.startswith("moe-lab: ") and result.err.count("\n") == 1 and len(result.err) > 20
    assert "Traceback" not in result.err and result.out == ""
    assert list(Path().iterdir()) == []


OTHER_WRONG = [
    "report", "report nowhere", "report a b", "runs -f nope", "runs nowhere", "list nope", "data check x", "trian",
    "config -f xml", "data",
]  # fmt: skip


@pytest.mark.parametrize("words", OTHER_WRONG)
def test_other_commands_refuse_in_the_same_way(cli, words):
    result = cli(*words.split())
    assert result.code == 2 and "Traceback" not in result.err
    assert words == "data" or (result.err.count("\n") == 1 and result.err.startswith("moe-lab: "))
    assert list(Path().iterdir()) == []


def test_a_broken_run_does_not_hide_the_others(cli):
    cli("train", *SHORT, "--no-report", "--name", "good")
    for name, text in (("torn", '{"status": "fin'), ("empty", "{}"), ("odd", '{"status": 3, "headline": []}')):
        Path("runs", name).mkdir()
        Path("runs", name, "status.json").write_text(text)
        assert cli("report", f"runs/{name}").code == 2
    rows = {row["run"]: row["status"] for row in json.loads(cli("runs", "-f", "json").out)}
    assert rows == {"good": "finished", "torn": "unreadable", "empty": "unreadable", "odd": "unreadable"}
    assert "unreadable" in cli("runs").out
    # a report of many leaves it out, and says so
    both = cli("report", "runs", "--out", "both")
    assert both.code == 0 and "left out: runs/torn/status.json is not JSON" in both.err and both.err.count("\n") == 3
    page = Path("both/report.md").read_text()
    assert "1 of 1 run finished" in page and all(
        f"runs/{name}/status.json" in page for name in ("torn", "empty", "odd")
    )
    assert cli("report", "runs/odd", "runs/torn", "--out", "none").code == 2 and not Path("none").exists()


def test_a_part_that_fails_is_one_line_and_says_which(cli):
    Path("wrong_part.py").write_text(
        "from moe_lab.parts.roles import Regularizer\n"
        "class Wrong(Regularizer):\n"
        '    """A value a sample, where a value is due."""\n'
        "    def __init__(self, sizes, *, weight: float = 0.5):\n"
        "        super().__init__(weight)\n"
        "    def forward(self, step):\n"
        # in training: the first batch of 32, on which parts are tried, goes well
        "        value_B = step.routing.probs_BE.square().sum(-1)\n"
        "        return value_B if step.x_BD.shape[-2] > 32 else value_B.mean(-1)\n"
    )
    Path("mine/regularizer").mkdir(parents=True)
    Path("mine/regularizer/wrong.yaml").write_text(
        "# @package regularizers.wrong\n_target_: wrong_part.Wrong\nweight: 0.5\n"
    )
    words = ["regularizer=[wrong]", "--config-dir", "mine", "--plugin", "wrong_part.py", "--name", "w"]
    result = cli("train", *SHORT, *words)
    assert result.code == 1 and result.err.count("\n") == 1
    assert "regularizer wrong (Wrong) gave the shape (64,), and must give ()" in result.err
    assert json.loads(Path("runs/w/status.json").read_text())["status"] == "failed"


def test_a_full_disk_is_one_line(cli, monkeypatch):
    from moe_lab.store import atomic

    cli("train", *SHORT, "--no-report", "--name", "a")
    monkeypatch.setattr(atomic.os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    result = cli("report", "runs/a")
    assert result.code == 1 and result.err.endswith(": No space left on device\n") and result.err.count("\n") == 1
    assert "runs/a/" in result.err


def test_a_name_is_not_taken_twice(cli):
    assert cli("train", *SHORT, "--no-report", "--name", "a").code == 0
    result = cli("train", *SHORT, "--name", "a")
    assert result.code == 2 and "exists already" in result.err


def test_a_diverged_run_ends_with_one_line_and_code_1(cli):
    result = cli("train", *SHORT, "trainer.optimizer=sgd", "trainer.lr=1e30", "--name", "a")
    assert result.code == 1 and result.err.count("\n") == 1 and "diverged" in result.err
    assert json.loads(cli("runs", "-f", "json").out)[0]["status"] == "diverged"
    report = cli("report", "runs/a")
    assert report.code == 0 and "diverged" in Path("runs/a/report.md").read_text()
