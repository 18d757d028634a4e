import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import Noise, generator
from moe_lab.training.recipes.finetune import Dropout


@pytest.mark.parametrize(("freeze", "moved"), [("none", "both"), ("experts", "gate"), ("gate", "experts")])
def test_it_begins_as_the_run_and_what_is_frozen_stays(loop_of, recipe_of, run_of, freeze, moved):
    """Three steps of Adam at 0.001 move a coordinate by 0.003 at most, and some by more than nothing."""
    folder, teacher = run_of()
    loop = loop_of(recipe_of("finetune", run=folder, freeze=freeze), lr=1e-3)
    loop.epoch()
    for name in ("gate", "experts"):
        ours, theirs = (getattr(one.mixture, name).parameters() for one in (loop.learner, teacher))
        most = max((mine - other).abs().max().item() for mine, other in zip(ours, theirs, strict=True))
        assert 0 < most < 0.0031 if moved in (name, "both") else most == 0, name


def test_batch_normalization_of_a_frozen_gate_stands_still(loop_of, recipe_of, run_of):
    words = [
        "experts=mlp",
        "experts.count=5",
        "gate/score/body=conv",
        "gate.score.body.padding=1",
        "gate.score.body.filters=[2]",
        "gate.score.body.batch_norm=[0]",
    ]
    folder, teacher = run_of(*words)
    loop = loop_of(recipe_of("finetune", run=folder, freeze="gate"), *words)
    loop.epoch()
    state = teacher.mixture.gate.state_dict()
    assert any(name.endswith("var_C") for name in state)
    for name, value in loop.learner.mixture.gate.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_dropout_by_hand():
    """u < 0.25 is dropped, what is left is divided by 0.75; in evaluation nothing happens."""
    x = torch.arange(1.0, 9.0).reshape(2, 4)
    drawn = torch.rand(2, 4, generator=generator(3, "drop"))
    drop = Dropout(0.25, Noise([generator(3, "drop")]))
    assert torch.equal(drop(x), torch.where(drawn < 0.25, 0.0, x / 0.75)) and (drop.eval()(x) == x).all()


def test_dropout_keeps_the_mean():
    """Mean of 40,000 draws of 0 or 1 / 0.6: 1, within 5 standard errors of sqrt(0.4 / 0.6 / 40000) = 0.0041."""
    dropped = Dropout(0.4, Noise([generator(0, "drop")]))(torch.ones(200, 200))
    assert abs(dropped.mean().item() - 1) < 5 * 0.0041
    assert abs((dropped == 0).float().mean().item() - 0.4) < 5 * 0.00245


def test_dropout_changes_training_and_not_what_is_evaluated(loop_of, recipe_of, run_of, trained, small_data):
    folder, _ = run_of()
    plain, dropping = (trained(loop_of(recipe_of("finetune", run=folder, expert_dropout=r))) for r in (0.0, 0.5))
    assert not torch.equal(*(next(loop.learner.mixture.experts.parameters()) for loop in (plain, dropping)))
    mixture, x_ND = dropping.learner.mixture.eval(), small_data.test.x_ND
    assert torch.equal(*(mixture(x_ND, dropping._noise).log_probs_BC for _ in range(2)))


@pytest.mark.parametrize("options", [{"freeze": "experts"}, {"freeze": "gate", "expert_dropout": 0.5}])
def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, run_of, broken_off, same, options):
    folder, _ = run_of()
    assert same(*broken_off(lambda **how: loop_of(recipe_of("finetune", run=folder, **options), **how), 5))


def test_runs_of_a_stack_are_what_they_are_alone(loop_of, recipe_of, run_of, trained):
    folder, _ = run_of()
    runs = ({}, {"lr": 3e-3})

    def make(**how):
        return trained(loop_of(recipe_of("finetune", run=folder, expert_dropout=0.3), runs=runs, **how))

    together = make()
    for run in range(2):
        alone = make(seeds=[run])
        ours, own = together.learner_of_run(run).state_dict(), alone.learner.state_dict()
        torch.testing.assert_close(dict(ours), dict(own), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("words", "options", "reason"),
    [
        ([], {}, None),
        (["gate=uniform"], {"freeze": "experts"}, "a gate that learns"),
        (["experts=mlp", "experts.count=4"], {}, "experts like those of"),
        (["gate=attentive"], {}, "take its gate and experts.count"),
        ([], {"freeze": "experts", "expert_dropout": 0.1}, "take recipe.freeze=none, or take recipe.expert_dropout=0"),
        (
            ["experts=linear", "experts.count=5"],
            {"expert_dropout": 0.1},
            "take experts=mlp, or take recipe.expert_",
        ),
        (["regularizer=[orthogonality]"], {"freeze": "experts"}, "leave orthogonality out"),
        (["regularizer=[importance]"], {"freeze": "gate"}, "leave importance out"),
        (["gate=top_k", "trainer.dispatch=sparse"], {"expert_dropout": 0.1}, "take trainer.dispatch=dense"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, run_of, words, options, reason):
    folder, _ = run_of()
    lack = recipe_of("finetune", run=folder, **options).lack(learner_of(*words), None)
    assert lack is None if reason is None else reason in lack.text()


def test_a_run_that_is_not_there(learner_of, recipe_of):
    with pytest.raises(ConfigError, match="no finished run"):
        recipe_of("finetune", run="nowhere").lack(learner_of(), None)
