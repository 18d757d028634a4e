"""Values that Optuna chooses: by validation data, the same again, over what is trained already."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.extras
WORDS = ["trainer.lr=tag(log,interval(1e-5,1e-1))", "gate=softmax,uniform", "seed=0,1", "trainer.epochs=1"]
OPTUNA = ["sweeper=optuna", "sweeper.trials=4", "sweeper.batch=2", "launcher=serial", "trainer.limit_batches=5"]


def test_a_search_and_the_same_again(cli):
    pytest.importorskip("optuna")
    result = cli("sweep", *WORDS, *OPTUNA, "--name", "s", "--no-report")
    assert result.code == 0, result.err
    assert "best of 4 trials: trainer.lr=" in result.out and "validation_loss_nats" in result.out
    plan = json.loads(Path("runs/s/plan.json").read_text())
    rates = {job["config"]["trainer"]["lr"] for job in plan["jobs"]}
    # a trial is trained with both seeds
    assert len(plan["jobs"]) == 8 and len(rates) == 4 and all(1e-5 <= rate <= 1e-1 for rate in rates)
    again = cli("sweep", *WORDS, *OPTUNA, "--name", "s", "--no-report")
    assert again.code == 0 and json.loads(Path("runs/s/plan.json").read_text())["jobs"] == plan["jobs"]
    assert "finished  " not in again.out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["seed=0,1"], "nothing to choose"),
        (["trainer.lr=interval(1,0)"], "trainer.lr=interval(1,0)"),
        (["trainer.lr=interval(1e-3,1)", "sweeper.metric=test_error_rate"], "choose by validation data"),
        (["trainer.lrr=interval(1e-3,1)"], "Did you mean trainer.lr?"),
    ],
)
def test_a_wrong_command(cli, words, text):
    pytest.importorskip("optuna")
    result = cli("sweep", "sweeper=optuna", *words)
    assert result.code == 2 and text in result.err and not Path("runs").exists(), result.err
