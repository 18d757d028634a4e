import pytest
import torch

from moe_lab.errors import ConfigError


def test_experts_stand_still_and_the_gate_learns_from_the_others_body(loop_of, recipe_of, run_of):
    folder, teacher = run_of("gate=attentive")
    loop = loop_of(recipe_of("distillation", run=folder), lr=1e-3)
    head = loop.learner.mixture.gate.score.head.weight_IO.detach().clone()
    loop.epoch()
    mixture = loop.learner.mixture
    for ours, theirs in zip(mixture.experts.parameters(), teacher.mixture.experts.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    # three steps of Adam at 0.001 move a coordinate by 0.003 at most
    bodies = zip(mixture.gate.score.body.parameters(), teacher.mixture.gate.score.body.parameters(), strict=True)
    for ours, theirs in bodies:
        assert 0 < (ours - theirs).abs().max() < 0.0031
    # the last layer began as its own seed made it
    assert 0 < (mixture.gate.score.head.weight_IO - head).abs().max() < 0.0031


def test_batch_normalization_of_the_experts_stands_still(loop_of, recipe_of, run_of):
    words = ["experts=conv", "experts.filters=[2]", "experts.count=5", "experts.padding=1", "experts.batch_norm=[0]"]
    folder, teacher = run_of(*words, "gate=softmax")
    loop = loop_of(recipe_of("distillation", run=folder), *words)
    loop.epoch()
    state = teacher.mixture.experts.state_dict()
    assert any(name.endswith("var_C") for name in state)
    for name, value in loop.learner.mixture.experts.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, run_of, broken_off, same):
    folder, _ = run_of("gate=attentive")
    assert same(*broken_off(lambda **how: loop_of(recipe_of("distillation", run=folder), **how), 5))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["gate/score=linear"], "a body of its own"),
        (["gate.score.body.hidden=[9]"], "take its gate/score/body"),
        (["experts=mlp", "experts.count=4"], "experts like those of"),
        ([], None),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, run_of, words, reason):
    folder, _ = run_of("gate=attentive")
    lack = recipe_of("distillation", run=folder).lack(learner_of(*words), None)
    assert lack is None if reason is None else reason in lack.text()


def test_no_run_is_refused(learner_of, recipe_of):
    with pytest.raises(ConfigError, match="no finished run"):
        recipe_of("distillation", run="nowhere").lack(learner_of(), None)
