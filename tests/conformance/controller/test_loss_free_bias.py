import pytest
import torch

from moe_lab.errors import ConfigError
from tests.conformance.cases import Case

CASE = Case(
    needs=["k=2"],
    forms=[
        ["controllers.loss_free_bias.rate=0.5", "controllers.loss_free_bias.recentre=true"],
        ["gate=noisy_top_k", "controllers.loss_free_bias.rate=0.5"],
    ],
)


def after(controller, gate, selected, step_of, **extras):
    with torch.no_grad():
        controller.after_step(step_of(gate=gate, selected_BE=torch.tensor(selected), extras=extras))
    return gate.select.selection_bias_1E.squeeze(0).tolist()


#: counts 3, 1 and 2: the mean is 2
SELECTED = [[True, False, True], [True, True, False], [True, False, True]]


def test_by_hand(learner_of, step_of):
    learner = learner_of("experts.count=3", "k=2", "controller=[loss_free_bias]", "controllers.loss_free_bias.rate=0.5")
    controller, gate = learner.controllers["loss_free_bias"], learner.mixture.gate
    assert after(controller, gate, SELECTED, step_of) == [-0.5, 0.5, 0.0]
    assert after(controller, gate, SELECTED, step_of) == [-1.0, 1.0, 0.0]
    assert {name: value.item() for name, value in controller.readings().items()} == {
        "bias_0": -1.0,
        "bias_1": 1.0,
        "bias_2": 0.0,
    }
    # what was chosen counts, and not what capacity left of it: here 0, 0 and 3
    chosen = torch.tensor([[False, False, True]] * 3)
    assert after(controller, gate, SELECTED, step_of, chosen_BE=chosen) == [-0.5, 1.5, -0.5]


def test_recentred_moves_sum_to_zero(learner_of, step_of):
    words = [f"controllers.loss_free_bias.{key}" for key in ("rate=0.3", "recentre=true")]
    learner = learner_of("experts.count=3", "k=2", "controller=[loss_free_bias]", *words)
    # counts 3, 2 and 1 of sign -1, 0, 1; then 3, 0 and 0 of sign -1, 1, 1 less their mean 1/3
    gate = learner.mixture.gate
    rows = [[True, False, False], [True, True, False], [True, True, True]]
    bias = after(learner.controllers["loss_free_bias"], gate, rows, step_of)
    assert bias == pytest.approx([-0.3, 0.0, 0.3])
    bias = after(learner.controllers["loss_free_bias"], gate, [[True, False, False]] * 3, step_of)
    assert bias == pytest.approx([-0.3 - 0.4, 0.2, 0.3 + 0.2])


def test_it_balances_a_skewed_gate(learner_of, draw):
    """All samples prefer expert 0; the scores stay as they are, and the bias alone evens out the counts."""
    words = ["controller=[loss_free_bias]", "controllers.loss_free_bias.rate=0.02"]
    learner = learner_of("gate=switch", "gate/score=linear", *words)
    mixture, x = learner.mixture, draw(200, 12)
    mixture.gate.score.head.bias_1O.data = torch.tensor([[3.0, 0.0, 0.0, 0.0, -1.0]])
    before = mixture(x, None).routing
    with torch.no_grad():
        for _ in range(400):
            output = learner(x, None)
            learner.after_step(mixture.step(x, None, output, None), None)
    routing = output.routing
    assert before.selected_BE.sum(0).tolist() == [200, 0, 0, 0, 0]
    assert (routing.selected_BE.sum(0) - 40).abs().max() <= 6
    # the bias never enters a weight
    assert torch.equal(routing.probs_BE, before.probs_BE)
    torch.testing.assert_close(routing.weights_BE, before.probs_BE * routing.selected_BE)


def test_it_is_part_of_the_learners_state(learner_of):
    steered = learner_of("k=2", "controller=[loss_free_bias]")
    assert {name for name in steered.state_dict() if name.endswith("bias_1E")} == {
        "mixture.gate.select.selection_bias_1E",
        "controllers.loss_free_bias.bias_1E",
    }
    assert not any(name.endswith("bias_1E") for name in learner_of("k=2").state_dict())


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "with k equal to experts.count every expert is selected: lower k"),
        (["baseline=single"], "at least 2 experts"),
    ],
    ids=str,
)
def test_gates_that_it_cannot_steer_are_refused(learner_of, words, reason):
    with pytest.raises(ConfigError, match=f"controller loss_free_bias needs .*{reason}"):
        learner_of("controller=[loss_free_bias]", *words)
