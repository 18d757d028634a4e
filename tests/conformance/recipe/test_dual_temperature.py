from dataclasses import replace

import pytest
import torch

from moe_lab.layers.noise import Noise, generator


@pytest.fixture
def gradients(learner_of, recipe_of, draw):
    """(learner, loss of each sample, gradients by name) of one batch under some words, T and decay."""

    def make(*words, **options):
        learner = learner_of(*words)
        recipe, noise = recipe_of("dual_temperature", **options), Noise([generator(0, "noise")])
        x_BD, y_B = draw(7, 12), torch.arange(7) % 4
        output = learner(x_BD, noise)
        step = learner.mixture.step(x_BD, y_B, output, noise)
        loss_B, losses = recipe.losses(learner, step)
        losses.total.backward()
        return learner, x_BD, y_B, loss_B, losses, {name: one.grad for name, one in learner.named_parameters()}

    return make


def by_hand(learner, x_BD, y_B, temperature, exponent=1.0, regularizer=lambda p: 0.0):
    """Two backward passes from logits and experts' log-probabilities."""
    logits_BE = learner.mixture.gate(x_BD, None, Noise([generator(0, "noise")])).logits_BE
    said_BE = learner.mixture.experts(x_BD).log_likelihood_BE(y_B)

    def loss(z_BE, l_BE):
        return -(z_BE.log_softmax(-1) + exponent * l_BE).logsumexp(-1).mean()

    experts = list(learner.mixture.experts.parameters())
    gate = list(learner.mixture.gate.parameters())
    of_experts = torch.autograd.grad(loss(logits_BE.detach() / temperature, said_BE), experts)
    cold = loss(logits_BE, said_BE.detach()) + regularizer(logits_BE.softmax(-1))
    return cold, of_experts, torch.autograd.grad(cold, gate)


@pytest.mark.parametrize("temperature", [0.5, 1.4, 10.0])
@pytest.mark.parametrize("exponent", [1.0, 0.5])
def test_experts_learn_at_one_temperature_and_the_gate_at_its_own(gradients, temperature, exponent):
    words = ["objective=competitive", f"objective.exponent={exponent}"] if exponent != 1 else []
    learner, x_BD, y_B, loss_B, losses, found = gradients(*words, temperature=temperature)
    cold, of_experts, of_gate = by_hand(learner, x_BD, y_B, temperature, exponent)
    torch.testing.assert_close(losses.total, cold)
    torch.testing.assert_close(loss_B.mean(), cold)
    for part, expected in (("experts", of_experts), ("gate", of_gate)):
        mine = [value for name, value in found.items() if name.startswith(f"mixture.{part}.")]
        torch.testing.assert_close(mine, list(expected))


def test_a_regularizer_is_the_gates_alone(gradients):
    words = ["regularizer=[importance]", "regularizers.importance.weight=2"]
    learner, x_BD, y_B, _, losses, found = gradients(*words, temperature=3.0)

    def cv_squared(p_BE):
        importance_E = p_BE.sum(-2)
        return 2 * importance_E.var() / importance_E.mean().square()

    cold, of_experts, of_gate = by_hand(learner, x_BD, y_B, 3.0, regularizer=cv_squared)
    torch.testing.assert_close(losses.total, cold)
    mine = {part: [v for n, v in found.items() if n.startswith(f"mixture.{part}.")] for part in ("experts", "gate")}
    torch.testing.assert_close(mine, {"experts": list(of_experts), "gate": list(of_gate)}, rtol=1e-4, atol=1e-6)


def test_selected_experts_alone_learn(gradients):
    """w^(1/T) of an expert that is not selected is zero at every temperature."""
    learner, x_BD, _, _, _, found = gradients("gate=top_k", "k=2", "experts.count=5", temperature=10.0)
    selected_E = learner(x_BD, Noise([generator(0, "noise")])).routing.selected_BE.any(-2)
    weight_EIO = next(value for name, value in found.items() if name.startswith("mixture.experts."))
    assert torch.equal(weight_EIO.flatten(1).abs().sum(1) > 0, selected_E)


def test_at_temperature_one_it_is_end_to_end(loop_of, recipe_of, trained):
    led = trained(loop_of(recipe_of("dual_temperature", temperature=1.0))).learner.state_dict()
    plain = trained(loop_of(None)).learner.state_dict()
    torch.testing.assert_close(dict(led), dict(plain), rtol=1e-3, atol=1e-4)


def test_the_temperature_falls_as_the_code_has_it(recipe_of):
    """10, 10, 10/1.1, 10/1.1/1.2, ...; by the loop of the code: T[t+1] = T[t] / (1 + decay t) for t > 0."""
    recipe = recipe_of("dual_temperature", temperature=10.0, decay=0.1)
    expected = [10.0] * 60
    for epoch in range(1, 59):
        expected[epoch + 1] = max(expected[epoch] / (1 + 0.1 * epoch), 0.001)
    assert [recipe.temperature_of(epoch) for epoch in range(60)] == pytest.approx(expected)
    assert recipe.temperature_of(3) == pytest.approx(10 / 1.1 / 1.2) and expected[-1] == 0.001
    assert recipe_of("dual_temperature", temperature=1.4).temperature_of(50) == 1.4


def test_an_unlikely_expert_has_no_nan(gradients):
    """At T = .001 weights are exactly zero in floating point; their gradients stay numbers."""
    _, _, _, _, losses, found = gradients(temperature=0.001)
    assert losses.total.isfinite() and all(value.isfinite().all() for value in found.values())


@pytest.mark.parametrize("steps", [4, 10])
def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, broken_off, same, steps):
    recipe = {"temperature": 4.0, "decay": 0.5}
    assert same(*broken_off(lambda **how: loop_of(recipe_of("dual_temperature", **recipe), **how), steps))


def test_runs_of_a_stack_are_what_they_are_alone(loop_of, recipe_of, trained):
    runs = ({}, {"lr": 3e-3, "epochs": 3})
    together = trained(loop_of(recipe_of("dual_temperature", decay=0.5), runs=runs))
    for run in range(2):
        alone = trained(loop_of(recipe_of("dual_temperature", decay=0.5), runs=runs, seeds=[run]))
        ours, theirs = together.state.records[run].history, alone.state.records[0].history
        assert len(ours) == len(theirs) == runs[run].get("epochs", 4)
        assert ours[-1]["train_loss_nats"] == pytest.approx(theirs[-1]["train_loss_nats"], rel=1e-3)


def test_densities_have_two_temperatures_as_well(learner_of, recipe_of, draw):
    learner = learner_of("experts=gaussian", "experts.count=5", "objective=mixture_density", classes=0)
    recipe, noise = recipe_of("dual_temperature", temperature=5.0), Noise([generator(0, "noise")])
    output = learner(draw(7, 12), noise)
    step = learner.mixture.step(None, draw(7), output, noise)
    loss_B, losses = recipe.losses(learner, step)
    torch.testing.assert_close(loss_B, learner.objective(replace(step, output=output)))
    losses.total.backward()
    assert all(one.grad.isfinite().all() for one in learner.parameters())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["gate=attentive"], "sees inputs alone"),
        (["gate=switch"], "learns a distribution over at least 2 experts"),
        (["gate=relu"], "learns a distribution"),
        (["gate=stochastic"], "learns a distribution"),
        (["gate=top_k", "trainer.dispatch=sparse"], "take trainer.dispatch=dense"),
        (["gate=top_k", "regularizer=[orthogonality]"], "orthogonality acts on the experts: leave it out"),
        (["gate=top_k"], None),
        (["gate=sparsemax"], None),
        ([], None),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, words, reason):
    lack = recipe_of("dual_temperature").lack(learner_of(*words), None)
    assert lack is None if reason is None else reason in lack.text()
