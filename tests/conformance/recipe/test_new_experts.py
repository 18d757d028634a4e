import numpy as np
import pytest
import torch


@pytest.mark.parametrize("seed", [7, 8])
def test_the_gate_stands_still_and_experts_begin_by_the_seed(loop_of, recipe_of, run_of, seed, learner_of):
    """With the seed of the other run its experts' initial weights, with another other ones: that is all there is to
    "the same weights" and "at random"."""
    folder, other = run_of(seed=7)
    began = learner_of(seed=seed).mixture.experts.state_dict()
    same = all(map(torch.equal, began.values(), other.mixture.experts.state_dict().values()))
    assert same == (seed == 7)
    loop = loop_of(recipe_of("new_experts", run=folder), runs=[{}] * (seed + 1), seeds=[seed], lr=1e-3)
    first = {name: value.clone() for name, value in loop.learner.mixture.experts.state_dict().items()}
    assert all(map(torch.equal, first.values(), began.values()))
    loop.epoch()
    gate, experts = loop.learner.mixture.gate.state_dict(), loop.learner.mixture.experts.state_dict()
    for name, value in other.mixture.gate.state_dict().items():
        assert torch.equal(gate[name], value), name
    # three steps of Adam at 0.001
    assert all(0 < (experts[name] - first[name]).abs().max() < 0.0031 for name in first)


def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, run_of, broken_off, same):
    folder, _ = run_of()
    assert same(*broken_off(lambda **how: loop_of(recipe_of("new_experts", run=folder), **how), 5))


def test_runs_of_a_stack_are_what_they_are_alone(loop_of, recipe_of, run_of, trained):
    folder, _ = run_of()
    runs = ({}, {"lr": 3e-3})
    together = trained(loop_of(recipe_of("new_experts", run=folder), runs=runs))
    for run in range(2):
        alone = trained(loop_of(recipe_of("new_experts", run=folder), runs=runs, seeds=[run])).learner.state_dict()
        torch.testing.assert_close(dict(together.state_of_run(run)["learner"]), dict(alone), rtol=1e-3, atol=1e-4)


def test_groups_of_classes_are_those_of_the_other_run(recipe_of, run_of, tmp_path):
    folder, _ = run_of()
    assert recipe_of("new_experts", run=folder).expert_of_class is None
    (tmp_path / "status.json").write_text("{}")
    np.savez(tmp_path / "evaluation.npz", expert_of_class=np.array([1, 0, 0, 2]))
    assert recipe_of("new_experts", run=folder).expert_of_class == [1, 0, 0, 2]
    np.savez(tmp_path / "evaluation.npz", parameters_total=np.array(3))
    assert recipe_of("new_experts", run=folder).expert_of_class is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["gate=uniform"], "a gate that has learned"),
        (["gate=attentive"], "a gate that sees inputs alone"),
        (["controller=[temperature]"], "controller temperature changes it"),
        (["gate.score.body.hidden=[9]"], "a gate like that of"),
        (["experts=mlp", "experts.count=4"], "a gate like that of"),
        # experts may be of another kind: the gate does not see them
        (["experts=mlp", "experts.count=5", "experts.hidden=3"], None),
        ([], None),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, run_of, words, reason):
    folder, _ = run_of()
    lack = recipe_of("new_experts", run=folder).lack(learner_of(*words), None)
    assert lack is None if reason is None else reason in lack.text()
