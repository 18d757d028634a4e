import pytest
import torch

from moe_lab.config.sources import open_sources
from moe_lab.layers.noise import Noise, generator
from moe_lab.routing.combine import combine_probabilities
from moe_lab.routing.decision import Routing
from moe_lab.training.recipe import Course
from moe_lab.training.stack import Apart

#: of four classes; the small learners have five experts unless they are told otherwise
GROUPS = [[2], [0, 3], [1]]
THREE = "experts.count=3"
WORDS = ["experts=mlp", "experts.hidden=6", THREE]


@pytest.fixture
def led(loop_of, recipe_of):
    def make(*words, groups=GROUPS, loop=None, **options):
        return loop_of(recipe_of("prechosen", groups=groups, **options), *WORDS, *words, **(loop or {}))

    return make


@pytest.mark.parametrize(
    ("shares", "of_gate", "of_experts"),
    [
        # of four epochs: experts learn in 0 and 1, then the gate in 2, then all in 3
        ({"expert_share": 0.5, "gate_share": 0.5}, [False, False, True, True], [True, True, False, True]),
        ({}, [False, False, True, True], [True, True, False, False]),
        ({"expert_share": 0.25, "gate_share": 0.0}, [False, True, True, True], [True, True, True, True]),
        ({"expert_share": 0.0, "gate_share": 0.0}, [True] * 4, [True] * 4),
    ],
    ids=str,
)
def test_experts_learn_then_the_gate_then_all(led, shares, of_gate, of_experts):
    loop = led(**shares)
    parts, moved = (loop.learner.mixture.gate, loop.learner.mixture.experts), ([], [])
    while not loop.finished:
        before = [[one.detach().clone() for one in part.parameters()] for part in parts]
        loop.epoch()
        for part, old, found in zip(parts, before, moved, strict=True):
            found.append(not all(map(torch.equal, part.parameters(), old)))
    assert moved == (of_gate, of_experts)


def test_an_expert_learns_from_the_samples_of_its_classes_alone(led, recipe_of, small_data):
    """Classes 0 and 3 are expert 1's: without their samples it has no gradient, and the others the same one."""
    loop = led()
    mixture, course = loop.learner.mixture, Course(loop.learner, [loop.members[0].trainer], small_data, 3, None, None)
    recipe = recipe_of("prechosen", groups=GROUPS)
    recipe.before_step(course, 0, 0)
    x_BD, y_B = small_data.train.x_ND, small_data.train.y_N
    output = mixture(x_BD, Noise([generator(0, "noise")]), lambda routing: recipe.routed(routing, y_B))
    expert_B = torch.tensor([1, 2, 0, 1])[y_B]
    assert torch.equal(output.routing.weights_BE, torch.nn.functional.one_hot(expert_B, 3).float())
    own_B = mixture.experts(x_BD).log_likelihood_BE(y_B).gather(-1, expert_B.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(output.log_likelihood_B(y_B), own_B)
    (-output.log_likelihood_B(y_B)[expert_B != 1]).sum().backward()
    weight_EIO = next(mixture.experts.parameters())
    assert weight_EIO.grad[1].abs().max() == 0 < min(weight_EIO.grad[0].abs().max(), weight_EIO.grad[2].abs().max())
    assert all(one.grad is None for one in mixture.gate.parameters())


def test_the_loss_of_the_first_stage_falls_to_what_classes_cost(led):
    """A group of one class is no question at all: of experts that know their group only the other pairs cost."""
    loop = led(groups=[[0], [1], [2, 3]], expert_share=1.0, loop={"epochs": 40, "lr": 3e-2})
    while not loop.finished:
        loop.epoch()
    last = loop.state.records[0].history[-1]
    assert last["train_loss_nats"] < 0.1
    # the gate has learned nothing
    assert last["validation_error_rate"] > 0.2


def test_the_gate_does_not_see_the_groups(led, small_data):
    """After the first stage the decision is the gate's own."""
    loop = led(expert_share=0.25)
    for _ in range(2):
        loop.epoch()
    recipe, routing = loop._recipe, Routing(torch.rand(2, 3), torch.rand(2, 3), torch.rand(2, 3) > 0)
    assert recipe.routed(routing, small_data.train.y_N[:2]) is routing


@pytest.mark.parametrize("steps", [4, 7, 10])
def test_a_resumed_run_is_the_unbroken_one(led, broken_off, same, steps):
    """Paused in each of the three stages, which begin with steps 0, 6 and 9."""
    assert same(*broken_off(lambda **how: led(gate_share=0.5, loop=how), steps))


def test_runs_of_a_stack_are_what_they_are_alone(led, trained):
    runs = ({}, {"lr": 3e-3})
    together = trained(led(gate_share=0.5, loop={"runs": runs}))
    for run in range(2):
        alone = trained(led(gate_share=0.5, loop={"runs": runs, "seeds": [run]})).learner.state_dict()
        torch.testing.assert_close(dict(together.state_of_run(run)["learner"]), dict(alone), rtol=1e-3, atol=1e-4)


def test_runs_of_several_lengths_train_apart(led):
    with pytest.raises(Apart, match="several trainer.epochs"):
        led(loop={"runs": ({}, {"epochs": 9})})


def test_sparse_dispatch_runs_the_chosen_expert(led, trained):
    """k=2 of 3 experts in the gate's stage, one in the experts'."""
    states = [
        trained(led("gate=top_k", f"trainer.dispatch={one}", gate_share=0.5)).learner.state_dict()
        for one in ("dense", "sparse")
    ]
    torch.testing.assert_close(dict(states[1]), dict(states[0]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "words",
    [
        ["gate=attentive", "regularizer=[importance,z_loss]"],
        ["gate=noisy_top_k", "regularizer=[load]"],
        ["regularizer=[lasso]", "regularizers.lasso.by=input"],
        ["gate=relu", "regularizer=[lasso]", "regularizers.lasso.by=expert"],
        ["gate=switch", "objective.second_softmax=true"],
        ["gate=stochastic"],
        ["gate=gumbel"],
    ],
    ids=" ".join,
)
def test_other_parts_stand_still_with_the_gate(led, words):
    loop = led(*words)
    before = [one.detach().clone() for one in loop.learner.mixture.gate.parameters()]
    loop.epoch()
    row = loop.state.records[0].history[0]
    assert all(map(torch.equal, loop.learner.mixture.gate.parameters(), before))
    assert row["train_loss_nats"] < 5 and row["train_sample_entropy_bits"] == 0


@pytest.mark.parametrize("gate", sorted(open_sources().options("gate")))
def test_every_gate_is_led_or_refused(learner_of, recipe_of, gate, draw):
    """A row of weights is one at the class's expert, whatever the gate would have done."""
    learner = learner_of(*WORDS, f"gate={gate}")
    recipe = recipe_of("prechosen", groups=GROUPS)
    if (reason := recipe.lack(learner, None)) is not None:
        assert "a gate that learns to give whole samples" in reason.lacks and not reason.gate(learner.mixture.gate)
        return
    recipe._chosen_CE = recipe._one_hot("cpu")
    y_B = torch.tensor([0, 1, 2, 3])
    output = learner.mixture(draw(4, 12), Noise([generator(0, "n")]), lambda routing: recipe.routed(routing, y_B))
    theirs_B = combine_probabilities(output.routing, output.experts.log_probs_BEC).gather(-1, y_B[:, None])[:, 0]
    torch.testing.assert_close(output.log_likelihood_B(y_B), theirs_B)


@pytest.mark.parametrize(
    ("groups", "words", "reason"),
    [
        ([[0, 1], [2, 3]], [], "a group of classes for each of the 3 experts"),
        ([[0, 1], [2, 3], []], [], "a group of classes for each of the 3 experts"),
        ([[0, 1], [2, 3], [1]], [], "each of the 4 classes in one group, and class 1 is in 2:"),
        ([[0, 1], [2], [4]], [], "and class 3 is in 0:"),
        ([[0, 1], [2, 3], [4]], [], "and class 4 does not exist"),
        (GROUPS, ["gate=uniform"], "a gate that learns to give whole samples"),
        (GROUPS, [], None),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, groups, words, reason):
    lack = recipe_of("prechosen", groups=groups).lack(learner_of(*WORDS, *words), None)
    assert lack is None if reason is None else reason in lack.text()


def test_numbers_have_no_classes(learner_of, recipe_of):
    learner = learner_of("experts=gaussian", THREE, "objective=mixture_density", classes=0)
    assert "these targets are numbers" in recipe_of("prechosen", groups=GROUPS).lack(learner, None).text()
