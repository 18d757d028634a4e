import pytest
import torch

from moe_lab.training.stack import Apart


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize(("share", "held"), [(0.5, 2), (0.3, 2), (1.0, 4), (0.0, 0)])
def test_experts_stand_still_for_their_share_of_four_epochs(loop_of, recipe_of, run_of, share, held, optimizer):
    """Epoch t (from 0) is the gate's alone if t < share * 4."""
    folder, teacher = run_of("gate=uniform")
    loop = loop_of(recipe_of("two_step", run=folder, gate_share=share), optimizer=optimizer)
    began = next(teacher.mixture.experts.parameters())
    still, gate = [], loop.learner.mixture.gate.score.head.weight_IO.detach().clone()
    while not loop.finished:
        loop.epoch()
        still.append(torch.equal(next(loop.learner.mixture.experts.parameters()), began))
    assert still == [True] * held + [False] * (4 - held)
    assert not torch.equal(loop.learner.mixture.gate.score.head.weight_IO, gate)


def test_without_a_share_of_the_gate_it_is_a_start_from_those_experts(loop_of, recipe_of, run_of, trained):
    folder, teacher = run_of("gate=uniform")
    led = trained(loop_of(recipe_of("two_step", run=folder, gate_share=0.0)))
    plain = loop_of(None)
    plain.learner.mixture.experts.load_state_dict(teacher.mixture.experts.state_dict())
    for ours, theirs in zip(led.learner.parameters(), trained(plain).learner.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("steps", [4, 7])
def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, run_of, broken_off, same, steps):
    """Paused while the experts stand still, and after (they begin in epoch 2, with step 6)."""
    folder, _ = run_of("gate=uniform")
    assert same(*broken_off(lambda **how: loop_of(recipe_of("two_step", run=folder), **how), steps))


def test_runs_of_a_stack_are_what_they_are_alone(loop_of, recipe_of, run_of, trained):
    folder, _ = run_of("gate=uniform")
    runs = ({}, {"lr": 3e-3})
    together = trained(loop_of(recipe_of("two_step", run=folder), runs=runs))
    for run in range(2):
        alone = trained(loop_of(recipe_of("two_step", run=folder), runs=runs, seeds=[run])).learner.state_dict()
        torch.testing.assert_close(dict(together.state_of_run(run)["learner"]), dict(alone), rtol=1e-3, atol=1e-4)


def test_runs_of_several_lengths_train_apart(loop_of, recipe_of, run_of):
    folder, _ = run_of("gate=uniform")
    with pytest.raises(Apart, match="several trainer.epochs"):
        loop_of(recipe_of("two_step", run=folder), runs=({}, {"epochs": 9}))


def test_a_gate_that_has_nothing_to_learn_is_refused(learner_of, recipe_of, run_of):
    folder, _ = run_of("gate=uniform")
    assert "a gate that learns" in recipe_of("two_step", run=folder).lack(learner_of("gate=uniform"), None).text()
