"""Controllers and the regularizers with state, on the command line."""

import json
from pathlib import Path

import pytest

import moe_lab

SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]
WORDS = ["k=2", "controller=[temperature,loss_free_bias]", "regularizer=[lasso,switch_balance]"]


def test_state_is_in_the_history_the_status_and_the_loaded_model(cli):
    result = cli("train", *SHORT, *WORDS, "controllers.temperature.end=0.5", "--name", "a")
    assert result.code == 0, result.err
    header, *_, last = Path("runs/a/history.csv").read_text().splitlines()
    row = dict(zip(header.split(","), last.split(","), strict=True))
    assert {"regularizer_lasso_weighted", "regularizer_lasso_zero_share", "regularizer_switch_balance"} <= row.keys()
    # steps 4 to 6 of 6: (1/2)^(3/6), (1/2)^(4/6) and (1/2)^(5/6)
    assert float(row["controller_temperature_temperature"]) == pytest.approx(
        sum(0.5 ** (step / 6) for step in (3, 4, 5)) / 3
    )
    assert all(f"controller_loss_free_bias_bias_{e}" in row for e in range(5))
    status = json.loads(Path("runs/a/status.json").read_text())
    assert status["choices"]["controller"] == ["loss_free_bias", "temperature"]
    assert status["differs"] == {
        "trainer.epochs": 2,
        "trainer.limit_batches": 3,
        "k": 2,
        "regularizer": ["lasso", "switch_balance"],
        "controller": ["loss_free_bias", "temperature"],
        "controllers.temperature.end": 0.5,
    }
    model = moe_lab.load("runs/a").model()
    assert model.gate.weigh.temperature_11.item() == pytest.approx(0.5 ** (5 / 6))
    assert model.gate.select.selection_bias_1E.abs().sum() > 0
    assert "temperature" in Path("runs/a/report.md").read_text()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("controller=temperature_", "no controller named 'temperature_'. Did you mean temperature?"),
        ("controller=null", "For none at all write controller=[]"),
        ("controllers.temperature.start=2", "add controller=[temperature]"),
        ("controllers=temperature", "choose with controller=[NAME]"),
        ("controller=[temperature] controllers.temperature.start=-1", "controllers.temperature.start=-1"),
        ("controller=[temperature] controllers.temperature.tart=1", "Did you mean controllers.temperature.start"),
        ("controller=[loss_free_bias]", "lower k"),
        ("controller=[hard_constraint] gate=switch", "needs at least 2 experts per sample, and k=1"),
        ("controller=[temperature] baseline=single", "needs at least 2 experts"),
        ("regularizer=[l1]", "take gate=expert_threshold, gate=hard_concrete or gate=relu, or leave l1 out"),
        ("regularizer=[l0]", "take gate=hard_concrete"),
        ("regularizer=[lasso] gate=attentive", "linear layer"),
        ("regularizer=[orthogonality] experts=linear", "take experts=mlp"),
    ],
)
def test_what_does_not_fit_is_one_line(cli, words, reason):
    result = cli("train", *words.split())
    assert result.code == 2 and result.out == "" and not Path("runs").exists()
    assert reason in result.err and result.err.count("\n") == 1
