import pytest
import torch

from moe_lab.config.compose import options
from moe_lab.errors import ConfigError
from moe_lab.evaluation.evaluate import evaluate
from moe_lab.routing.outputs import ExpertOutput
from moe_lab.training.growth import among_first, columns
from moe_lab.training.options import Trainer
from moe_lab.training.stack import Apart
from tests.conformance.cases import case_of

#: three experts for classes 0 and 1, and two more for 2 and 3: E = 5
TWO = {"tasks": [[0, 1], [2, 3]], "new_experts": 2}
#: one, two, three experts: E = 3
THREE = {"tasks": [[3], [0, 2], [1]], "new_experts": 1}
SMALL = ["experts=mlp", "experts.count=3"]


def bank_of(loop):
    return [one.detach().clone() for one in loop.learner.mixture.experts.parameters()]


def head_of(loop):
    return loop.learner.mixture.gate.head.weight_IO.detach().clone()


@pytest.mark.parametrize("memory", [0, 3])
def test_an_epoch_is_of_its_task_and_of_what_is_remembered(loop_of, recipe_of, small_data, memory):
    loop = loop_of(recipe_of("extend", **THREE, memory=memory), *SMALL, epochs=3)
    y_N = small_data.train.y_N
    first = {one: (y_N == one).nonzero().squeeze(-1)[:memory].tolist() for one in range(4)}
    earlier = []
    for task in THREE["tasks"]:
        expected = [n for n in range(90) if y_N[n] in task or n in earlier]
        seen = torch.cat([loop._order.index(batch) for batch in range(loop.batches_an_epoch)])
        assert sorted(seen.tolist()) == expected and seen.tolist() != expected
        # batches of 32, the last one smaller
        assert loop.batches_an_epoch == -(-len(expected) // 32)
        loop.epoch()
        earlier += [n for one in task for n in first[one]]


@pytest.mark.parametrize(
    "how", [{"optimizer": "sgd", "weight_decay": 0.1}, {"optimizer": "adamw", "weight_decay": 0.1}, {}], ids=str
)
def test_what_is_absent_or_frozen_does_not_move(loop_of, recipe_of, how):
    loop = loop_of(recipe_of("extend", **TWO), **how)
    began, outputs = bank_of(loop), head_of(loop)
    loop.epoch()
    loop.epoch()
    first, head = bank_of(loop), head_of(loop)
    for before, after in zip(began, first, strict=True):
        assert torch.equal(before[3:], after[3:]) and not torch.equal(before[:3], after[:3])
    assert torch.equal(outputs[:, 3:], head[:, 3:]) and not torch.equal(outputs[:, :3], head[:, :3])
    loop.epoch()
    for before, after in zip(first, bank_of(loop), strict=True):
        assert torch.equal(before[:3], after[:3]) and not torch.equal(before[3:], after[3:])
    # the gate learns in all of its outputs
    assert all(not torch.equal(head[:, e], head_of(loop)[:, e]) for e in range(5))


def test_old_experts_and_the_body_as_the_options_say(loop_of, recipe_of):
    loop = loop_of(recipe_of("extend", **TWO, freeze_experts=False, freeze_body=True))
    loop.epoch()
    loop.epoch()
    body = loop.learner.mixture.gate.score.body
    first, before = bank_of(loop), [one.detach().clone() for one in body.parameters()]
    loop.epoch()
    assert all(not torch.equal(*pair) for pair in zip(first, bank_of(loop), strict=True))
    assert all(torch.equal(*pair) for pair in zip(before, body.parameters(), strict=True))


def test_the_optimizer_begins_anew_with_every_task(loop_of, recipe_of):
    """Steps of Adam: two epochs of the first task, then one of the second."""
    loop = loop_of(recipe_of("extend", **TWO))
    counts = []
    while not loop.finished:
        loop.epoch()
        state = loop._optimizer.state_dict()["state"]
        counts.append({int(one["step"]) for one in state.values()})
    here = [-(-len(loop._recipe.rows(loop._course, epoch)) // 32) for epoch in range(4)]
    assert counts == [{here[0]}, {2 * here[0]}, {here[2]}, {2 * here[2]}]


def test_new_outputs_are_shared_by_use(loop_of, recipe_of, small_data):
    """sum_e usage_e w_e over the three old experts, usage the mean weights of samples of classes 2 and 3."""
    loop = loop_of(recipe_of("extend", **TWO, new_outputs="shared"), lr=1e-6)
    loop.epoch()
    loop.epoch()
    gate, train = loop.learner.mixture.gate.eval(), small_data.train
    weights_BE = among_first(gate, gate(train.x_ND[train.y_N > 1], None, loop._noise), 3).weights_BE
    assert (weights_BE[:, 3:] == 0).all()
    expected = (head_of(loop) * weights_BE.mean(0)).sum(-1)
    loop.epoch()
    # the steps of the task itself are of 1e-6
    for new in (3, 4):
        torch.testing.assert_close(head_of(loop)[:, new], expected, rtol=0, atol=1e-5)


def test_rows_say_what_was_right_after_each_task(loop_of, recipe_of, trained, small_data):
    loop = loop_of(recipe_of("extend", **THREE), *SMALL, epochs=7)
    mixture, test = loop.learner.mixture, small_data.test
    trained(loop)
    record = loop.state.records[0]
    assert [(row["task"], row["epoch"], row["experts"]) for row in record.stages] == [
        (None, 0, 1),
        (0, 3, 1),
        (1, 5, 2),
        (2, 7, 3),
    ]
    last = record.stage_arrays[-1]
    routing = evaluate(mixture, small_data, loop._noise, 32)["routing"]
    assert (last["prediction"].numpy() == routing["prediction"]).all()
    assert (last["expert"].numpy() == routing["weights"].argmax(1)).all()
    # among classes 0 and 2 alone, for the samples of these classes
    log_probs = torch.from_numpy(routing["log_probs"])
    of_task = (test.y_N == 0) | (test.y_N == 2)
    right = (log_probs[:, 0] >= log_probs[:, 2]) == (test.y_N == 0)
    assert record.stages[-1]["accuracy_within_1"] == pytest.approx(right[of_task].float().mean().item())
    said = last["prediction"] == test.y_N
    assert record.stages[-1]["accuracy_1"] == pytest.approx(said[of_task].float().mean().item())
    # a task of one class leaves no choice
    assert all(row["accuracy_within_0"] == row["accuracy_within_2"] == 1 for row in record.stages)


def test_it_goes_on_from_a_run(loop_of, recipe_of, run_of, small_data):
    folder, teacher = run_of("experts=mlp", "experts.count=3", "experts.hidden=6", classes=[0, 1])
    loop = loop_of(recipe_of("extend", run=folder, **TWO), epochs=3)
    began, outputs = bank_of(loop), head_of(loop)
    assert loop._recipe.lack(loop.learner, Trainer(epochs=3)) is None
    loop.epoch()
    untrained, first = loop.state.records[0].stages
    assert (untrained["task"], first["task"], first["epoch"], first["experts"]) == (None, 0, 0, 3)
    theirs = teacher.mixture.eval()(small_data.test.x_ND, loop._noise).prediction_B
    assert torch.equal(loop.state.records[0].stage_arrays[1]["prediction"], theirs)
    for ours, own, other in zip(bank_of(loop), began, teacher.mixture.experts.parameters(), strict=True):
        assert torch.equal(ours[:3], other) and not torch.equal(ours[3:], own[3:])
    head = teacher.mixture.gate.head.weight_IO
    # three steps of Adam at 0.01
    assert (head_of(loop)[:, :3] - head).abs().max() < 0.031 < (outputs[:, :3] - head).abs().max()


@pytest.mark.parametrize(
    ("steps", "options", "how"),
    [
        (1, {}, {}),
        (5, {"memory": 2}, {"optimizer": "sgd"}),
        (7, {"freeze_experts": False, "freeze_body": True, "new_outputs": "shared"}, {"weight_decay": 0.01}),
        (5, {}, {"skip_untouched": True, "optimizer": "sgd"}),
    ],
)
def test_a_resumed_run_is_the_unbroken_one(loop_of, recipe_of, broken_off, same, steps, options, how):
    """Two steps an epoch: paused within the first task, after the first step of the second, and in its last epoch."""
    words = ["gate=top_k"] if how.get("skip_untouched") else []
    assert same(*broken_off(lambda **to: loop_of(recipe_of("extend", **TWO, **options), *words, **how, **to), steps))


def test_it_goes_on_between_two_tasks(loop_of, recipe_of, trained, same):
    whole, first, second = (loop_of(recipe_of("extend", **TWO, new_outputs="shared")) for _ in range(3))
    first.epoch()
    first.epoch()
    second.load_state_dict(first.state_dict())
    assert same(dict(trained(whole).learner.state_dict()), dict(trained(second).learner.state_dict()))
    assert same(*([one.state.records[0].stages] for one in (whole, second)))


def test_runs_of_a_stack_are_what_they_are_alone(loop_of, recipe_of, trained):
    runs = ({}, {"lr": 3e-3}, {"weight_decay": 0.01})
    together = trained(loop_of(recipe_of("extend", **TWO, memory=2), runs=runs))
    for run in range(3):
        alone = trained(loop_of(recipe_of("extend", **TWO, memory=2), runs=runs, seeds=[run]))
        ours, own = together.learner_of_run(run).state_dict(), alone.learner.state_dict()
        torch.testing.assert_close(dict(ours), dict(own), rtol=1e-3, atol=1e-4)
        stages = zip(together.state.records[run].stages, alone.state.records[0].stages, strict=True)
        for one, other in stages:
            assert one == pytest.approx(other, abs=0.1)


def test_runs_of_several_lengths_train_apart(loop_of, recipe_of):
    with pytest.raises(Apart, match="several trainer.epochs"):
        loop_of(recipe_of("extend", **TWO), runs=({}, {"epochs": 9}))


def test_a_run_that_diverges_has_no_row_more(loop_of, recipe_of, trained):
    loop = trained(loop_of(recipe_of("extend", **TWO), optimizer="sgd", lr=1e30))
    assert loop.state.records[0].diverged and [row["task"] for row in loop.state.records[0].stages] == [None]


GROWING = [name for name in options("gate") if case_of("gate", name).grows]


def test_which_gates_take_in_experts(gate_of):
    assert [name for name in options("gate") if columns(gate_of(name)) is not None] == GROWING


@pytest.mark.parametrize("name", GROWING)
@pytest.mark.parametrize("training", [False, True])
def test_an_absent_expert_is_as_if_it_did_not_exist(gate_of, draw, noise, name, training):
    """The first three experts get what the three logits alone would give, and the others nothing, forward and back."""
    gate, x, experts = gate_of(name).train(training), draw(7, 12), ExpertOutput(None, draw(7, 5, 6))
    routing = among_first(gate, gate(x, experts, noise), 3)
    assert (routing.weights_BE[:, 3:] == 0).all() and not routing.selected_BE[:, 3:].any()
    assert (routing.probs_BE[:, 3:] == 0).all() and routing.weights_BE.isfinite().all()
    if gate.traits.rows_sum_to_one:
        torch.testing.assert_close(routing.weights_BE.sum(-1), torch.ones(7))
    if name in ("softmax", "attentive"):
        torch.testing.assert_close(routing.weights_BE[:, :3], routing.logits_BE[:, :3].softmax(-1))
    routing.weights_BE.square().sum().backward()
    for column in columns(gate):
        if column.grad_fn is None and column.grad is not None:
            assert column.grad.isfinite().all() and (column.grad[..., 3:] == 0).all()
    whole = gate(x, experts, noise)
    assert among_first(gate, whole, 5) is whole


@pytest.mark.parametrize(
    ("words", "changes", "reason"),
    [
        ([], {}, None),
        (["gate=top_k"], {}, None),
        (["gate=attentive"], {"freeze_body": True}, None),
        (["regularizer=[importance,z_loss]"], {}, None),
        ([], {"tasks": [[0, 1], [4]]}, "recipe.tasks has 4, but the last one is 3"),
        ([], {"tasks": [[0, 1], [1, 2]]}, "class 1 is in two"),
        ([], {"tasks": []}, "needs two tasks or more"),
        ([], {"tasks": [[0, 1], []]}, "a class or more in each"),
        (["gate=uniform"], {}, "to which outputs can be added"),
        (["gate=noisy_top_k"], {}, "to which outputs can be added"),
        (["baseline=single"], {}, "to which outputs can be added"),
        (["gate/score=linear"], {"freeze_body": True}, "recipe.freeze_body=false"),
        (["objective=em"], {}, "take objective=mixture"),
        (["gate=top_k", "controller=[loss_free_bias]"], {}, "leave loss_free_bias out"),
        (["experts=conv", "experts.padding=1", "experts.batch_norm=[0]"], {}, "without batch normalization"),
        ([], {"new_experts": 5}, "take experts.count=6 or more"),
        (["k=4"], {}, "take k=3, or take more experts"),
        (["trainer.schedule=cosine"], {}, "trainer.schedule=constant"),
        (["trainer.epochs=1"], {}, "needs an epoch for each of 2 tasks"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_said(learner_of, recipe_of, words, changes, reason):
    trainer = {"epochs": 1} if "trainer.epochs=1" in words else {}
    trainer |= {"schedule": "cosine"} if "trainer.schedule=cosine" in words else {}
    lack = recipe_of("extend", **{**TWO, **changes}).lack(learner_of(*words), Trainer(**trainer))
    assert lack is None if reason is None else reason in lack.text()


@pytest.mark.parametrize(
    ("words", "classes", "reason"),
    [
        (["experts.count=3", "experts.hidden=6"], [2, 3], "has learned [2, 3]: make them equal"),
        (["experts.count=3", "experts.hidden=6"], None, "has learned [0, 1, 2, 3]: make them equal"),
        (["experts.count=2", "experts.hidden=6"], [0, 1], "leaves 3 of 5 experts for the first task, and"),
        (["experts.count=2", "experts.hidden=6"], [0, 1], "has 2: take experts.count=4"),
        # as many as there are in the end: two of them would be lost
        (["experts.count=5", "experts.hidden=6"], [0, 1], "has 5: take experts.count=7"),
        (["experts.count=3", "experts.hidden=7"], [0, 1], "of another kind or size: take its experts and gate"),
        (["experts.count=3", "experts.hidden=6", "gate=attentive"], [0, 1], "the experts and the gate of"),
    ],
    ids=str,
)
def test_a_run_that_does_not_fit_is_said(learner_of, recipe_of, run_of, words, classes, reason):
    folder, _ = run_of("experts=mlp", *words, classes=classes)
    assert reason in recipe_of("extend", run=folder, **TWO).lack(learner_of(), Trainer()).text()


def test_hidden_features_that_are_as_many_as_the_experts_are_no_experts(learner_of, recipe_of, run_of):
    """3 of 3 experts in the run, 5 of 5 here."""
    folder, _ = run_of("experts=mlp", "experts.count=3", "experts.hidden=3", classes=[0, 1])
    reason = recipe_of("extend", run=folder, **TWO).lack(learner_of("experts.hidden=5"), Trainer())
    assert "of another kind or size: take its experts and gate" in reason.text()


def test_without_new_experts_the_run_has_as_many(learner_of, recipe_of, run_of):
    folder, _ = run_of("experts=mlp", "experts.count=5", "experts.hidden=6", classes=[0, 1])
    recipe = recipe_of("extend", run=folder, **{**TWO, "new_experts": 0})
    assert recipe.lack(learner_of(), Trainer()) is None


@pytest.mark.parametrize("classes", [5, ["first"], [[0]]], ids=str)
def test_a_run_whose_classes_are_none(learner_of, recipe_of, run_of, classes):
    folder, _ = run_of("experts=mlp", "experts.count=3", classes=classes)
    with pytest.raises(ConfigError, match="no finished run"):
        recipe_of("extend", run=folder, **TWO).lack(learner_of(), Trainer())


def test_numbers_have_no_classes(learner_of, recipe_of):
    words = ["experts=gaussian", "objective=mixture_density", "experts.count=5"]
    assert "take another data set" in recipe_of("extend", **TWO).lack(learner_of(*words, classes=0), Trainer()).text()
