import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.parts.controllers.hard_constraint import HardConstraint
from moe_lab.routing.decision import Routing
from tests.conformance.cases import Case

CASE = Case(
    numbers=["controllers.hard_constraint.margin=0.2"],
    forms=[
        ["controllers.hard_constraint.margin=0.01", "controllers.hard_constraint.until=1"],
        [
            *("k=3", "gate.weigh.over=all"),
            *(f"controllers.hard_constraint.{key}" for key in ("margin=0.01", "until=1")),
        ],
    ],
)


def seen(sizes, step_of, weights, progress=0.0, **options):
    """A constraint that has seen a batch of these weights, before the next step."""
    controller = HardConstraint(sizes(experts=len(weights[0])), **options)
    with torch.no_grad():
        controller.after_step(step_of(weights_BE=torch.tensor(weights)))
        controller.before_step(None, torch.tensor(progress))
    return controller


def routing_of(weights, log=True):
    weights = torch.tensor(weights)
    return Routing(weights, weights, weights > 0, weights.log() if log else None)


#: mean shares .6, .35 and .05: with a mean of 1/3 only the first is more than .1 over it
BEFORE = [[0.8, 0.2, 0.0], [0.4, 0.5, 0.1]]


@pytest.mark.parametrize("log", [True, False], ids=["log-weights", "weights"])
def test_by_hand(sizes, step_of, log):
    controller = seen(sizes, step_of, BEFORE)
    assert controller.readings()["held_back"].item() == 1
    routing = routing_of([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [0.0, 0.25, 0.75]], log)
    constrained = controller.constrain(routing)
    # the first loses expert 0 and keeps its sum; the second has no other expert and falls back; the third is untouched
    expected = torch.tensor([[0.0, 2 / 3, 1 / 3], [1.0, 0.0, 0.0], [0.0, 0.25, 0.75]])
    torch.testing.assert_close(constrained.weights_BE, expected)
    assert torch.equal(constrained.selected_BE, expected > 0)
    assert constrained.probs_BE is routing.probs_BE
    if log:
        torch.testing.assert_close(constrained.log_weights_BE.exp(), expected)


def test_other_weights_that_are_zero_in_floating_point_fall_back_too(sizes, step_of):
    weights = torch.tensor([[1.0, 0.0, 0.0]])
    routing = Routing(weights, weights, torch.tensor([[True, True, False]]))
    constrained = seen(sizes, step_of, BEFORE).constrain(routing)
    assert torch.equal(constrained.weights_BE, weights) and torch.equal(constrained.selected_BE, routing.selected_BE)


def test_rows_that_do_not_sum_to_one_keep_their_sums(sizes, step_of):
    routing = routing_of([[0.6, 0.2, 0.0], [0.5, 0.1, 0.1]], log=False)
    constrained = seen(sizes, step_of, BEFORE).constrain(routing)
    torch.testing.assert_close(constrained.weights_BE, torch.tensor([[0.0, 0.8, 0.0], [0.0, 0.35, 0.35]]))


def test_shares_are_means_over_all_samples_so_far(sizes, step_of):
    controller = seen(sizes, step_of, BEFORE)
    with torch.no_grad():
        # rows count with their shares, a row of zeros not at all: sums (1.2, .7, .1) + (0, 1, 1) = (1.2, 1.7, 1.1)
        controller.after_step(step_of(weights_BE=torch.tensor([[0.0, 0.0, 3.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.0]])))
        torch.testing.assert_close(controller.total_1E, torch.tensor([[1.2, 1.7, 1.1]]))
        # shares .3, .425 and .275 of 4 samples: none is .1 over 1/3
        controller.before_step(None, torch.tensor(0.0))
    assert controller.readings()["held_back"].item() == 0


@pytest.mark.parametrize(
    ("options", "progress", "held"),
    [({}, 0.09, 1), ({}, 0.1, 0), ({"until": 0.5}, 0.4, 1), ({"margin": 0.3}, 0.0, 0), ({"margin": 0.01}, 0.0, 2)],
    ids=str,
)
def test_margin_and_end(sizes, step_of, options, progress, held):
    # .6 - 1/3 = .267, .35 - 1/3 = .017
    assert seen(sizes, step_of, BEFORE, progress, **options).readings()["held_back"].item() == held


def test_nothing_is_held_back_before_anything_was_seen(sizes):
    controller = HardConstraint(sizes())
    controller.before_step(None, torch.tensor(0.0))
    assert controller.readings()["held_back"].item() == 0


def test_gradients_pass_to_the_experts_that_are_left_and_are_finite(sizes, step_of):
    logits = torch.tensor([[50.0, 0.0, -200.0], [300.0, 0.0, 0.0]], requires_grad=True)
    log_weights = logits.log_softmax(-1)
    weights = log_weights.exp()
    routing = Routing(weights, weights, torch.ones(2, 3, dtype=torch.bool), log_weights)
    constrained = seen(sizes, step_of, BEFORE).constrain(routing)
    # in log space the others come back to full weight even where theirs were zero in floating point
    torch.testing.assert_close(constrained.weights_BE, torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.5, 0.5]]))
    constrained.weights_BE[:, 1].sum().backward()
    torch.testing.assert_close(logits.grad[1], torch.tensor([0.0, 0.25, -0.25]))
    assert logits.grad.isfinite().all()


def test_only_training_is_constrained(learner_of, draw):
    words = [f"controllers.hard_constraint.{key}" for key in ("margin=0", "until=1")]
    learner, x = learner_of("controller=[hard_constraint]", *words), draw(7, 12)
    with torch.no_grad():
        learner.controllers["hard_constraint"].total_1E.copy_(torch.tensor([[5.0, 1, 1, 1, 1]]))
        learner.before_step(torch.tensor(0.0))
    assert (learner(x, None).routing.weights_BE[:, 0] == 0).all()
    assert (learner.mixture(x, None).routing.weights_BE[:, 0] > 0).all()


def test_one_expert_a_sample_is_refused(learner_of):
    with pytest.raises(ConfigError, match="hard_constraint needs at least 2 experts per sample, and k=1"):
        learner_of("gate=switch", "controller=[hard_constraint]")
