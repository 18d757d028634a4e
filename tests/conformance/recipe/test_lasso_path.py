import pytest
import torch

from moe_lab.training.options import Trainer

WORDS = ["regularizer=[lasso]"]
PATH = {"first": 1e-3, "last": 0.1, "lambdas": 3}


def test_the_weight_at_every_epoch_by_hand(loop_of, recipe_of):
    """0.001, 0.01, 0.1; of seven epochs epoch t has lambda number floor(3 t / 7)."""
    loop = loop_of(recipe_of("lasso_path", **PATH), *WORDS, epochs=7)
    seen = []
    while not loop.finished:
        loop.epoch()
        seen.append(loop.learner.regularizers["lasso"].weight.item())
    assert seen == pytest.approx([0.001] * 3 + [0.01] * 2 + [0.1] * 2)
    assert [row["lambda"] for row in loop.state.records[0].stages] == [0.001, 0.01, 0.1]
    assert [row["epoch"] for row in loop.state.records[0].stages] == [3, 5, 7]


def test_a_path_of_one_lambda_is_that_lambda(loop_of, recipe_of, trained, same):
    """The path moves one number and nothing else."""
    path = trained(loop_of(recipe_of("lasso_path", first=0.02, last=0.5, lambdas=1), *WORDS))
    fixed = trained(loop_of(None, *WORDS, "regularizers.lasso.weight=0.02"))
    assert same(path.learner.state_dict(), fixed.learner.state_dict())


def test_a_row_says_what_the_gate_was_then(loop_of, recipe_of):
    loop = loop_of(recipe_of("lasso_path", first=1e-3, last=3.0, lambdas=4), *WORDS, epochs=24, lr=3e-2)
    heads = []
    while not loop.finished:
        loop.epoch()
        heads.append(loop.learner.mixture.gate.head.weight_IO.detach().clone())
    record = loop.state.records[0]
    for stage, (row, arrays) in enumerate(zip(record.stages, record.stage_arrays, strict=True)):
        epoch = 6 * (stage + 1)
        weights = arrays["weights"]
        assert torch.equal(weights, heads[epoch - 1])
        assert row["nonzero_weights"] == int((weights != 0).sum())
        assert row["nonzero_experts"] == int(weights.abs().sum(0).ne(0).sum())
        # softmax gives every expert a weight
        assert row["active_experts"] == 5
        history = record.history[epoch - 1]
        names = [name for name in history if name.startswith(("train_", "validation_"))]
        assert len(names) == 8 and all(row[name] == history[name] for name in names)
    assert record.stages[-1]["nonzero_weights"] < 0.5 * record.stages[0]["nonzero_weights"]


def test_active_experts_of_a_sparse_gate(loop_of, recipe_of, trained, small_data):
    words = ["gate=relu", "regularizer=[l1]", "regularizers.l1.adapt=false", "regularizers.l1.weight=1"]
    loop = trained(loop_of(recipe_of("lasso_path", first=1e-3, last=3.0, lambdas=2), *words, epochs=20))
    first, last = loop.state.records[0].stages
    weights = loop.learner.mixture.eval().gate(small_data.validation.x_ND, None, loop._noise).weights_BE
    assert last["active_experts"] == pytest.approx((weights > 0).sum().item() / 20)
    assert first["active_experts"] > last["active_experts"] + 0.5


def test_runs_of_a_stack_have_paths_of_their_own_length(loop_of, recipe_of, trained):
    runs = ({"epochs": 3}, {"epochs": 7}, {"lr": 3e-3})
    together = trained(loop_of(recipe_of("lasso_path", **PATH), *WORDS, runs=runs))
    for run in range(3):
        alone = trained(loop_of(recipe_of("lasso_path", **PATH), *WORDS, runs=runs, seeds=[run]))
        ours, own = together.state.records[run], alone.state.records[0]
        assert len(ours.stages) == 3
        for one, other in zip(ours.stages, own.stages, strict=True):
            assert one == pytest.approx(other, rel=1e-3, abs=1e-4)
        torch.testing.assert_close(ours.stage_arrays, own.stage_arrays, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [5, 7])
def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, broken_off, same, steps):
    """Paused within the first lambda and the second: its weight is not in the checkpoint and follows from the epoch."""

    def make(**how):
        return loop_of(recipe_of("lasso_path", **PATH), *WORDS, epochs=6, **how)

    assert same(*broken_off(make, steps))


def test_a_run_that_diverges_has_no_row_more(loop_of, recipe_of, trained):
    loop = trained(loop_of(recipe_of("lasso_path", **PATH), *WORDS, optimizer="sgd", lr=1e30))
    assert loop.state.records[0].diverged and loop.state.records[0].stages == []


@pytest.mark.parametrize(
    ("words", "epochs", "reason"),
    [
        ([], 50, "take regularizer=[l1], or take regularizer=[lasso]"),
        (["regularizer=[z_loss]"], 50, "take regularizer=[l1], or take regularizer=[lasso]"),
        (["gate=relu", "regularizer=[l1]"], 50, "regularizers.l1.adapt=false"),
        (["gate=relu", "regularizer=[l1,lasso]"], 50, "and one only"),
        (["regularizer=[lasso]"], 9, "raise trainer.epochs, or lower recipe.lambdas"),
        (["regularizer=[lasso,z_loss]"], 10, None),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, words, epochs, reason):
    lack = recipe_of("lasso_path").lack(learner_of(*words), Trainer(epochs=epochs))
    assert lack is None if reason is None else reason in lack.text()
