"""Experts that no sample of a batch selects: skipped by trainer.skip_untouched, in a run and in a stack."""

import copy

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.watch import Watch
from tests.composing import composed


def skipping(data, learner, **options):
    """The loop of a switch run that skips untouched experts, and the experts' parameters after each step."""
    trainer = Trainer(epochs=1, batch_size=3, lr=0.01, weight_decay=0.1, skip_untouched=True, **options)
    made = learner("gate=switch", dispatch=options.get("dispatch", "dense")).double()
    steps = []

    class Looking(Watch):
        def batch(self, epoch, batch, loss):
            steps.append([one.detach().clone() for one in made.mixture.experts.parameters()])

    loop = Loop([Member(made, trainer, Seeds(0, 0, 0))], data, Looking(), lambda: False)
    return loop, steps


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_untouched_experts_are_left_as_they_are(data, learner, optimizer):
    """A step changes all of an expert or nothing of it. Three samples touch one to three experts."""
    loop, steps = skipping(data, learner, optimizer=optimizer)
    steps.insert(0, [one.detach().clone() for one in loop.learner.mixture.experts.parameters()])
    loop.epoch()
    moved = [
        [[(a[e] != b[e]).any().item() for a, b in zip(before, after, strict=True)] for e in range(5)]
        for before, after in zip(steps[:-1], steps[1:], strict=True)
    ]
    assert all(len(set(of_expert)) == 1 for of_step in moved for of_expert in of_step)
    counts = [sum(of_expert[0] for of_expert in of_step) for of_step in moved]
    assert all(1 <= count <= 3 for count in counts)


def test_an_expert_that_is_skipped_trains_as_if_the_other_steps_had_not_been(data, learner):
    """Adam by torch on one expert's parameters, stepped only where the expert has a gradient."""
    loop, _ = skipping(data, learner, dispatch="sparse")
    weights = loop.learner.mixture.experts.bank.output.bias_1O
    alone = [torch.nn.Parameter(one.detach().clone()) for one in weights]
    optimizers = [torch.optim.Adam([one], lr=0.01, weight_decay=0.1) for one in alone]

    def step_alone(parameter):
        for one, optimizer, gradient in zip(alone, optimizers, parameter.grad, strict=True):
            if gradient.any():
                one.grad = gradient.clone()
                optimizer.step()

    weights.register_post_accumulate_grad_hook(step_alone)
    loop.epoch()
    assert len({int(one.state[leaf]["step"]) for one, leaf in zip(optimizers, alone, strict=True) if one.state}) > 1
    torch.testing.assert_close(weights, torch.stack([one.detach() for one in alone]), rtol=1e-12, atol=1e-12)


def test_skipping_in_a_stack_and_after_a_pause(data):
    """Each run as alone, its state too; a state that is loaded again goes on to the same bits."""
    numbers = [{"lr": 0.01}, {"lr": 0.03}]

    def loop_of(runs):
        members = []
        for run in runs:
            trainer = Trainer(epochs=2, batch_size=3, skip_untouched=True, dispatch="sparse", **numbers[run])
            words = ["gate=top_k", "trainer.dispatch=sparse", "experts.count=5", "experts.hidden=6"]
            made = build_learner(composed(*words), (1, 3, 4), 4, seed_init=run).double()
            members.append(Member(made, trainer, Seeds(run, run, run)))
        return Loop(members, data, Watch(), lambda: False)

    together, alone = loop_of([0, 1]), [loop_of([run]) for run in (0, 1)]
    for loop in (together, *alone):
        loop.epoch()
    again = loop_of([0, 1])
    again.load_state_dict(copy.deepcopy(together.state_dict()))
    for loop in (together, again, *alone):
        loop.epoch()
    for name, value in together.learner.state_dict().items():
        assert torch.equal(again.learner.state_dict()[name], value)
    for run, solo in enumerate(alone):
        of_run, expected = together.state_of_run(run), solo.state_dict()
        for name, value in expected["learner"].items():
            torch.testing.assert_close(of_run["learner"][name], value, rtol=1e-10, atol=1e-10)
        assert of_run["optimizer"]["state"].keys() == expected["optimizer"]["state"].keys()
        for leaf, values in expected["optimizer"]["state"].items():
            for name, value in values.items():
                torch.testing.assert_close(of_run["optimizer"]["state"][leaf][name], value, rtol=1e-10, atol=1e-10)


def test_skipping_is_refused_where_every_expert_learns(learner):
    for words, reason in ([], "k=5 selects every expert"), (["gate=attentive", "k=2"], "this gate reads"):
        with pytest.raises(ConfigError, match=f"trainer.skip_untouched does not fit: {reason}"):
            learner("trainer.skip_untouched=true", *words)
