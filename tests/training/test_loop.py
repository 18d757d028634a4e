import copy
import dataclasses

import pytest
import torch
from torch import nn

from moe_lab.layers.noise import Noise, generator
from moe_lab.training.loop import Loop
from moe_lab.training.members import Seeds
from moe_lab.training.validation import evaluate_split
from moe_lab.training.watch import Watch


def train(loop: Loop) -> Loop:
    while not loop.finished:
        loop.epoch()
    return loop


def test_it_learns(loop_of):
    loop = train(loop_of(epochs=40, lr=1e-2))
    first, last = loop.state.records[0].history[0], loop.state.records[0].history[-1]
    assert last["train_error_rate"] < 0.1 < first["train_error_rate"]


def test_a_step_is_gradient_descent_on_objective_plus_regularizers(loop_of, learner_of, data):
    """One full-batch step of SGD against autograd on a learner of the same seed."""
    words = ["regularizer=[importance,sample_similarity]"]
    loop = loop_of(*words, epochs=1, batch_size=90, optimizer="sgd", momentum=0.0, lr=0.5)
    plain = learner_of(*words)
    loop.epoch()
    from moe_lab.layers.noise import Noise, generator

    noise = Noise([generator(0, "noise")])
    output = plain.mixture(data.train.x_ND, noise)
    step = plain.mixture.step(data.train.x_ND, data.train.y_N, output, noise)
    loss_B, losses = plain.losses(step)
    total = loss_B.mean() + sum(plain.regularizers[name].weight * value for name, value in losses.raw.items())
    total.backward()
    for (name, moved), start in zip(loop.learner.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(moved.data, start.data - 0.5 * start.grad, msg=name)


def test_history_has_a_row_an_epoch_with_every_column(loop_of):
    loop = train(loop_of("regularizer=[importance]", "regularizers.importance.weight=0.5"))
    rows = loop.state.records[0].history
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    for row in rows:
        assert row["regularizer_importance_weighted"] == pytest.approx(row["regularizer_importance"] / 2)
        assert sum(row[f"usage_share_{e}"] for e in range(5)) == pytest.approx(1)
        assert sum(row[f"load_share_{e}"] for e in range(5)) == pytest.approx(1)
    assert len(loop.state.records[0].assignments) == 3 and loop.state.records[0].assignments[0].shape == (20,)
    assert [row["epoch"] for row in loop.state.records[0].timing] == [1, 2, 3]
    assert all(row["samples_per_second"] > 0 for row in loop.state.records[0].timing)


def test_without_validation_samples_its_columns_are_empty(loop_of, data, empty):
    loop = train(loop_of(data_=dataclasses.replace(data, validation=empty)))
    row = loop.state.records[0].history[-1]
    names = [name for name in row if name.startswith("validation_")]
    assert len(names) == 4 and all(row[name] is None for name in names)
    assert loop.state.records[0].assignments == []


def test_the_same_seed_gives_the_same_bits(loop_of, same):
    states = [train(loop_of("gate=attentive")).state_dict() for _ in range(2)]
    for state in states:
        state["records"][0].pop("timing")
    assert same(*states)


def test_seeds_of_initialization_and_order_are_apart(loop_of, learner_of):
    def weights(order):
        return next(train(loop_of(seeds=Seeds(0, order, 0))).learner.parameters())

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))
    starts = [next(learner_of(*words).parameters()) for words in ([], ["regularizer=[importance]"], ["gate=attentive"])]
    assert torch.equal(starts[0], starts[1]) and torch.equal(starts[0], starts[2])


@pytest.mark.parametrize(
    "words", [[], ["gate=attentive", "regularizer=[importance]"], ["gate=noisy_top_k", "regularizer=[load]"]], ids=str
)
@pytest.mark.parametrize("steps", [1, 4, 5])
def test_a_resumed_run_is_the_unbroken_one(loop_of, same, after, words, steps):
    """Paused in the middle of an epoch and restored in a new loop, or gone on with in the same one: to the bit."""
    unbroken = train(loop_of(*words)).state_dict()
    pause = after(steps)
    broken = loop_of(*words, watch=pause, pause_asked=pause)
    while broken.epoch():
        pass
    assert (broken.state.epoch, broken.state.batch) == divmod(steps, 3)
    kept = copy.deepcopy(broken.state_dict())
    resumed = loop_of(*words)
    resumed.load_state_dict(kept)
    states = [unbroken, train(resumed).state_dict(), train(broken).state_dict()]
    for one in states:
        one["records"][0].pop("timing")
    assert same(states[0], states[1]) and same(states[0], states[2])


def test_limit_batches(loop_of):
    seen = []

    class Count(Watch):
        def batch(self, epoch, batch, loss):
            seen.append((epoch, batch))

    loop = train(loop_of(limit_batches=2, epochs=2, watch=Count()))
    assert seen == [(0, 0), (0, 1), (1, 0), (1, 1)] and loop.batches_an_epoch == 2


def test_every_sample_once_an_epoch_in_an_order_of_its_own(loop_of, data):
    orders = []

    def note(x_BD, noise):
        orders.append([int((data.train.x_ND == x_D).all(-1).nonzero()) for x_D in x_BD])
        return x_BD

    train(loop_of(epochs=2, data_=dataclasses.replace(data, augment=note)))
    first, second = sum(orders[:3], []), sum(orders[3:], [])
    assert sorted(first) == sorted(second) == list(range(90)) and first != second


@pytest.mark.filterwarnings("ignore:.*overflow.*")
def test_a_loss_that_is_no_number_diverges(loop_of):
    loop = train(loop_of(optimizer="sgd", lr=1e30, epochs=5))
    record = loop.state.records[0]
    assert "smaller trainer.lr" in record.diverged and loop.state.epoch < 5 and len(record.history) < loop.state.epoch


def test_augmentation_is_of_the_training_batches_alone_and_has_noise_of_its_own(loop_of, data, same, after):
    seen = []

    def shift(x_BD, noise):
        seen.append(len(x_BD))
        return x_BD + 0.1 * noise.normal(x_BD)

    augmented = dataclasses.replace(data, augment=shift)
    words = ["gate=noisy_top_k"]
    unbroken = train(loop_of(*words, data_=augmented)).state_dict()
    assert seen == [32, 32, 26] * 3
    pause = after(4)
    broken = loop_of(*words, data_=augmented, watch=pause, pause_asked=pause)
    while broken.epoch():
        pass
    resumed = loop_of(*words, data_=augmented)
    resumed.load_state_dict(broken.state_dict())
    state = train(resumed).state_dict()
    for one in (unbroken, state):
        one["records"][0].pop("timing")
    assert same(unbroken, state)
    assert not same(unbroken["learner"], train(loop_of(*words)).state_dict()["learner"])


class Spy(nn.Module):
    """An objective that records the steps it sees and what the noise gives."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, step):
        self.seen.append((self.training, step.noise.normal(torch.zeros(2)).tolist()))
        return -step.output.log_probs_BC.gather(-1, step.y_B.unsqueeze(-1)).squeeze(-1)


def spied(loop: Loop) -> list:
    loop.learner.objective = Spy()
    train(loop)
    return loop.learner.objective.seen


def test_noise_is_of_its_seed_and_epoch(loop_of):
    seen = spied(loop_of())
    # in training mode also after the look at the validation split of the epoch before
    assert len(seen) == 9 and all(training for training, _ in seen)
    draws = [tuple(noise) for *_, noise in seen]
    assert len(set(draws)) == 9
    for epoch in range(3):
        first = torch.randn(2, generator=generator(0, f"noise/{epoch}"))
        assert torch.equal(torch.tensor(draws[3 * epoch]), first)
    assert [noise for *_, noise in spied(loop_of(seeds=Seeds(0, 7, 0)))] == [list(draw) for draw in draws]
    assert [noise for *_, noise in spied(loop_of(seeds=Seeds(0, 0, 7)))] != [list(draw) for draw in draws]


def test_the_learning_rate_follows_the_schedule_over_all_epochs(loop_of):
    loop = train(loop_of(schedule="linear", lr=0.9))
    # nine steps: the last of each epoch is at 1 - 2/9, 1 - 5/9, 1 - 8/9
    assert [row["lr"] for row in loop.state.records[0].history] == pytest.approx([0.7, 0.4, 0.1])


def test_validation_is_without_noise(loop_of):
    """In evaluation mode a noisy gate draws none: the row equals that of a second look."""
    loop = loop_of("gate=noisy_top_k", epochs=1)
    loop.epoch()
    (row,) = loop.state.records[0].history
    assert not loop.learner.training
    noises = [Noise([generator(seed, "other")]) for seed in (1, 2)]
    for noise in noises:
        tally, _ = evaluate_split(loop.learner.train(), loop._data.validation, noise, 32)
        assert tally.row("validation")["validation_loss_nats"] == row["validation_loss_nats"]
