import copy

import pytest
import torch

from moe_lab.layers.noise import Noise, generator

FULL = {"batch_size": 90, "optimizer": "sgd", "momentum": 0.0, "lr": 0.3}
WORDS = ["objective=em"]


def joint_of(learner, small_data):
    """log w_e + log P_e(y) of all training samples."""
    output = learner.mixture(small_data.train.x_ND, Noise([generator(0, "any")]))
    labels = small_data.train.y_N[:, None, None].expand(-1, 5, 1)
    return output.routing.log_weights_BE + output.experts.log_probs_BEC.gather(-1, labels).squeeze(-1)


@pytest.mark.parametrize("responsibilities", ["soft", "hard"])
def test_two_steps_for_each_e_step_by_hand(loop_of, recipe_of, trained, small_data, responsibilities):
    """Four epochs of one full batch each, m_steps=2: E, M, M, E, M, M, every M a step of plain gradient descent on
    -mean sum_e h (log w + log P)."""
    words = [*WORDS, f"objective.responsibilities={responsibilities}"]
    loop = loop_of(recipe_of("em", m_steps=2), *words, **FULL)
    plain = copy.deepcopy(loop.learner)
    trained(loop)
    for step in range(4):
        joint = joint_of(plain, small_data)
        if step % 2 == 0:
            h = joint.detach().exp()
            h = h / h.sum(-1, keepdim=True)
            if responsibilities == "hard":
                h = (h == h.max(-1, keepdim=True).values).float()
        loss = -(h * joint).sum(-1).mean()
        for parameter, gradient in zip(
            plain.parameters(), torch.autograd.grad(loss, list(plain.parameters())), strict=True
        ):
            parameter.data -= 0.3 * gradient
    for ours, by_hand in zip(loop.learner.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, by_hand)


def test_an_e_step_at_every_step_is_the_objective_end_to_end(loop_of, recipe_of, trained):
    """m_steps=1 on batches of 32: responsibilities are never behind the parameters."""
    led, plain = (trained(loop_of(one, *WORDS)).learner for one in (recipe_of("em", m_steps=1), None))
    for ours, theirs in zip(led.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_the_likelihood_never_falls_from_one_e_step_to_the_next(loop_of, recipe_of, small_data):
    """What EM promises, for an M step that lowers its loss: here 8 full-batch steps of plain descent each."""
    loop = loop_of(recipe_of("em", m_steps=8), *WORDS, epochs=80, **FULL)
    likelihoods = []
    while not loop.finished:
        if loop.state.epoch % 8 == 0:
            likelihoods.append(joint_of(loop.learner, small_data).logsumexp(-1).mean().item())
        loop.epoch()
    assert all(later >= earlier for earlier, later in zip(likelihoods, likelihoods[1:], strict=False))
    assert likelihoods[-1] > likelihoods[0] + 0.1


def test_by_default_an_m_step_is_an_epoch(loop_of, recipe_of):
    loop = loop_of(recipe_of("em"), *WORDS)
    tables = []
    while not loop.finished:
        loop.epoch()
        tables.append(loop.state_dict()["recipe"]["responsibilities_NE"])
    by_name = loop_of(recipe_of("em", m_steps=3), *WORDS)
    by_name.epoch()
    assert torch.equal(by_name.state_dict()["recipe"]["responsibilities_NE"], tables[0])
    assert tables[0].shape == (90, 5) and not torch.equal(tables[0], tables[1])
    torch.testing.assert_close(tables[-1].sum(-1), torch.ones(90))


def test_the_e_step_does_not_ask_how_the_mixture_will_answer(loop_of, recipe_of):
    """inference=argmax is of evaluation; the responsibilities are those of the weights that are trained."""
    loops = [loop_of(recipe_of("em"), *WORDS, f"inference={one}") for one in ("mixture", "argmax")]
    tables = [loop.epoch() and loop.state_dict()["recipe"]["responsibilities_NE"] for loop in loops]
    assert torch.equal(*tables) and loops[1].learner.mixture.inference == "argmax"


def test_runs_of_a_stack_are_what_they_are_alone(loop_of, recipe_of, trained):
    """Three orders of the data: every run's responsibilities reach its own samples."""
    runs = ({}, {}, {"lr": 3e-3})
    together = trained(loop_of(recipe_of("em", m_steps=4), *WORDS, runs=runs))
    for run in range(3):
        alone = trained(loop_of(recipe_of("em", m_steps=4), *WORDS, runs=runs, seeds=[run])).state_dict()
        kept = together.state_of_run(run)
        torch.testing.assert_close(kept["recipe"], alone["recipe"], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(dict(kept["learner"]), dict(alone["learner"]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("steps", [4, 5])
def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, broken_off, same, steps):
    """An E step every four steps; paused just before one, and after the first step of its M step."""
    assert same(*broken_off(lambda **how: loop_of(recipe_of("em", m_steps=4), *WORDS, **how), steps))


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "take objective=em"),
        (["objective=em", "experts.count=1"], "at least 2 experts"),
        (["objective=em", "k=2"], "gives every expert a weight"),
        (["objective=em", "gate=sparsemax"], "gives every expert a weight"),
        (["objective=em", "controller=[hard_constraint]"], "controller hard_constraint takes some"),
        (["objective=em", "controller=[temperature]"], None),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, words, reason):
    lack = recipe_of("em").lack(learner_of("experts=mlp", "experts.hidden=6", *words), None)
    assert lack is None if reason is None else reason in lack.text()
