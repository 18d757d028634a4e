"""Many runs as one program: each as it would be alone."""

import copy
import dataclasses

import pytest
import torch

from moe_lab.training.loop import Loop
from moe_lab.training.members import Member, Seeds
from moe_lab.training.options import Trainer
from moe_lab.training.stack import Apart
from moe_lab.training.watch import Watch

#: gate, regularizers, and numbers of each run's own
FAMILIES = [
    ["gate=softmax"],
    ["gate=attentive", "regularizer=[sample_similarity]"],
    ["gate=noisy_top_k", "k=2", "regularizer=[importance,load]"],
    ["gate=switch"],
    ["k=2", "regularizer=[lasso,usage_kl]", "controller=[loss_free_bias,temperature,hard_constraint]"],
]
NUMBERS = [
    {"lr": 1e-3},
    {"lr": 3e-3, "weight_decay": 1e-2},
    {"lr": 1e-3, "schedule": "cosine"},
]
WEIGHTS = (0.1, 0.5, 0.2)


@pytest.fixture
def members_of(learner_of):
    """Fresh members with seeds, numbers and weights of their own."""

    def make(*words, orders=(0, 1, 2), numbers=NUMBERS, double=False, **options) -> list[Member]:
        members = []
        for run, (order, own) in enumerate(zip(orders, numbers, strict=True)):
            weights = [f"regularizers.{name}.weight={WEIGHTS[run]}" for word in words for name in named(word)]
            learner = learner_of(*words, *weights, seed=run)
            trainer = Trainer(**{"epochs": 3, "batch_size": 32, **options, **own})
            members.append(Member(learner.double() if double else learner, trainer, Seeds(run, order, run)))
        return members

    def named(word: str) -> list[str]:
        return word.partition("=[")[2].rstrip("]").split(",") if word.startswith("regularizer=[") else []

    return make


@pytest.fixture
def loop(data):
    def make(members, *, data_=None, watch=None, pause_asked=lambda: False) -> Loop:
        return Loop(members, data_ or data, watch or Watch(), pause_asked)

    return make


def train(loop: Loop) -> Loop:
    while not loop.finished:
        loop.epoch()
    return loop


def doubled(data):
    splits = {name: getattr(data, name) for name in ("train", "validation", "test")}
    return dataclasses.replace(
        data, **{name: dataclasses.replace(split, x_ND=split.x_ND.double()) for name, split in splits.items()}
    )


def without_clock(state: dict) -> dict:
    for record in state["records"]:
        record.pop("timing")
    return {**state, "seconds": 0.0}


@pytest.mark.parametrize(
    ("words", "orders"),
    [(words, orders) for words in FAMILIES for orders in ((0, 1, 2), (4, 4, 4))] + [(FAMILIES[0], (4, 7, 4))],
    ids=str,
)
def test_after_fifty_steps_each_run_is_what_it_is_alone(members_of, loop, data, words, orders):
    """Three batches an epoch, 17 epochs: 51 steps, in float32 and in float64."""
    for double, rtol, atol in ((False, 1e-4, 1e-5), (True, 1e-10, 1e-10)):
        options = {"orders": orders, "epochs": 17, "double": double}
        used = doubled(data) if double else data
        together = train(loop(members_of(*words, **options), data_=used))
        for run, member in enumerate(members_of(*words, **options)):
            alone = train(loop([member], data_=used))
            own, of_run = alone.learner.state_dict(), together.learner_of_run(run).state_dict()
            for name, value in own.items():
                torch.testing.assert_close(of_run[name], value, rtol=rtol, atol=atol, msg=f"{name} of run {run}")
            rows = zip(alone.state.records[0].history, together.state.records[run].history, strict=True)
            for solo_row, row in rows:
                assert row == pytest.approx(solo_row, rel=1e-3, abs=1e-4)


def test_the_kept_state_of_a_run_is_that_of_its_solo_loop(members_of, loop, same):
    """Everything but the last bits of floating point: the same keys, shapes, counts and generators."""
    words = ["gate=noisy_top_k", "regularizer=[importance]"]
    together, alones = loop(members_of(*words)), [loop([member]) for member in members_of(*words)]
    for run, alone in enumerate(alones):
        assert same(without_clock(together.state_of_run(run)), without_clock(alone.state_dict()))
    together.epoch()
    for run, alone in enumerate(alones):
        alone.epoch()
        ours, theirs = together.state_of_run(run), alone.state_dict()
        assert ours.keys() == theirs.keys()
        for name in ("noise", "augment_noise", "epoch", "batch", "tally"):
            assert same(ours[name], theirs[name]), name
        torch.testing.assert_close(ours["optimizer"], theirs["optimizer"], rtol=1e-4, atol=1e-6)
        alone.load_state_dict(ours)
        train(alone)


@pytest.mark.parametrize("steps", [1, 4, 5])
def test_a_resumed_stack_is_the_unbroken_one(members_of, loop, same, after, steps):
    words = ["gate=noisy_top_k", "regularizer=[load]"]
    unbroken = train(loop(members_of(*words))).state_dict()
    pause = after(steps)
    broken = loop(members_of(*words), watch=pause, pause_asked=pause)
    while broken.epoch():
        pass
    kept = copy.deepcopy(broken.state_dict())
    resumed = loop(members_of(*words))
    resumed.load_state_dict(kept)
    states = [without_clock(one) for one in (unbroken, train(resumed).state_dict(), train(broken).state_dict())]
    assert same(states[0], states[1]) and same(states[0], states[2])


def of_runs(loop: Loop, runs) -> list:
    return [loop.learner_of_run(run).state_dict() for run in runs]


@pytest.mark.filterwarnings("ignore:.*overflow.*")
@pytest.mark.parametrize("orders", [(0, 1, 2), (0, 0, 0)], ids=["own batches", "shared"])
def test_a_diverged_run_leaves_the_others_as_they_were(members_of, loop, same, orders):
    calm = [{"lr": 0.1, "optimizer": "sgd"}] * 3
    wild = [calm[0], {"lr": 1e30, "optimizer": "sgd"}, calm[2]]
    both = [train(loop(members_of(orders=orders, numbers=numbers, epochs=5))) for numbers in (calm, wild)]
    assert same(*(of_runs(one, (0, 2)) for one in both))
    record = both[1].state.records[1]
    assert "smaller trainer.lr" in record.diverged and len(record.history) < 5
    assert [len(one.history) for one in both[1].state.records] == [5, len(record.history), 5]
    assert not any(record.diverged for record in both[0].state.records)


def test_a_run_that_ends_early_leaves_the_others_as_they_were(members_of, loop, same):
    """At its end a run has the state of the run alone; later changes of its slot are not recorded."""
    short = [{"epochs": 3}, {"epochs": 1}, {"epochs": 3}]
    together = loop(members_of(numbers=short))
    together.epoch()
    assert together.ended(1) and not together.finished
    at_its_end = copy.deepcopy(of_runs(together, [1])[0])
    train(together)
    assert same(of_runs(together, (0, 2)), of_runs(train(loop(members_of(numbers=[{}] * 3))), (0, 2)))
    assert [len(record.history) for record in together.state.records] == [3, 1, 3]
    alone = train(loop(members_of(numbers=short)[1:2]))
    torch.testing.assert_close(dict(at_its_end), dict(alone.learner.state_dict()), rtol=1e-4, atol=1e-5)


def test_runs_of_one_order_share_augmented_batches(members_of, loop, data):
    seen = []

    def shift(x_BD, noise):
        seen.append(x_BD.shape)
        return x_BD + 0.1 * noise.normal(x_BD)

    changed = dataclasses.replace(data, augment=shift)
    for orders, shapes in (((5, 5, 5), (32, 12)), ((5, 6, 5), (3, 32, 12))):
        seen.clear()
        together = train(loop(members_of(orders=orders), data_=changed))
        assert seen[0] == shapes
        for run, member in enumerate(members_of(orders=orders)):
            alone = train(loop([member], data_=changed))
            torch.testing.assert_close(
                dict(together.learner_of_run(run).state_dict()), dict(alone.learner.state_dict()), rtol=1e-4, atol=1e-5
            )


def test_what_cannot_be_one_program_says_why(members_of, loop, learner_of):
    with pytest.raises(Apart, match=r"share trainer\.batch_size"):
        loop(members_of(numbers=[{}, {"batch_size": 16}, {}]))
    members = members_of()
    members[1] = dataclasses.replace(members[1], learner=learner_of("gate=top_k", "k=2"))
    with pytest.raises(Apart, match="differ in"):
        loop(members)


@pytest.mark.parametrize("words", [["baseline=single"], ["gate=uniform"]], ids=str)
def test_a_gate_that_is_the_same_in_every_run(members_of, loop, words):
    """It has no numbers, so its routing has no axis R where the runs share their samples."""
    together = train(loop(members_of(*words, orders=(4, 4, 4), epochs=1)))
    for run, member in enumerate(members_of(*words, orders=(4, 4, 4), epochs=1)):
        alone, record = train(loop([member])).state.records[0], together.state.records[run]
        assert torch.equal(record.assignments[0], alone.assignments[0])
        assert record.history[0] == pytest.approx(alone.history[0], rel=1e-3, abs=1e-4)
