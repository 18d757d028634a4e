import numpy as np
import pytest
import torch
from scipy.stats import entropy

from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, GaussianExpertOutput, GaussianMixtureOutput, MixtureOutput
from moe_lab.training.tally import Tally, entropy_of_shares_bits, load, normalized


def output(weights, log_probs):
    return MixtureOutput(Routing(weights, weights, weights > 0), ExpertOutput(None, None), log_probs)


def add(tally, loss, y, mixture, extras=None):
    tally.add(loss, mixture.scores(y), {"": mixture.routing}, extras)


def test_rows_against_numpy_over_two_uneven_batches():
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(12, 5, generator=draw)
    weights[3] = 0
    log_probs = torch.randn(12, 4, generator=draw).log_softmax(-1)
    y, loss = torch.arange(12) % 4, torch.rand(12, generator=draw)
    tally = Tally()
    for part in (slice(0, 8), slice(8, 12)):
        add(tally, loss[part], y[part], output(weights[part], log_probs[part]), {"total": loss[part].mean()})
    kept = np.delete(weights.numpy(), 3, axis=0).astype(float)
    shares = kept / kept.sum(1, keepdims=True)
    row = tally.row("train")
    assert "train_overflow_share" not in row  # no capacity
    assert row["train_loss_nats"] == pytest.approx(loss.mean().item())
    assert row["train_error_rate"] == pytest.approx((log_probs.argmax(-1) != y).float().mean().item())
    assert row["train_sample_entropy_bits"] == pytest.approx(entropy(shares, base=2, axis=1).mean(), rel=1e-5)
    assert row["train_usage_entropy_bits"] == pytest.approx(entropy(shares.mean(0), base=2), rel=1e-5)
    # a mean over batches, not over samples
    assert tally.mean("total") == pytest.approx((loss[:8].mean() + loss[8:].mean()).item() / 2)
    usage = [tally.balance()[f"usage_share_{e}"] for e in range(5)]
    assert usage == pytest.approx(shares.mean(0).tolist(), rel=1e-5)
    counts = np.bincount(kept.argmax(1), minlength=5) / 11
    assert [tally.balance()[f"load_share_{e}"] for e in range(5)] == pytest.approx(counts.tolist())


def test_numbers_have_a_root_mean_squared_error_in_the_place_of_an_error_rate():
    weights = torch.tensor([[0.5, 0.5], [1.0, 0.0]])
    experts = GaussianExpertOutput(torch.tensor([[0.0, 2.0], [3.0, 9.0]]), torch.zeros(2, 2), None)
    mixture = GaussianMixtureOutput(Routing(weights, weights, weights > 0), experts)
    tally = Tally()
    add(tally, torch.zeros(2), torch.tensor([4.0, 3.0]), mixture)
    # means 1 and 3 against 4 and 3: sqrt((9 + 0) / 2)
    row = tally.row("validation")
    assert row["validation_rmse_sd"] == pytest.approx(4.5**0.5) and "validation_error_rate" not in row
    assert list(row)[:2] == ["validation_loss_nats", "validation_rmse_sd"]


def test_overflow_is_a_mean_over_samples():
    tally, zeros = Tally(), torch.zeros(3, 4)
    for overflow in ([0.0, 0.5, 1.0], [0.0, 0.0, 0.0]):
        routing = Routing(zeros, zeros, zeros > 0, extras={"overflow_B": torch.tensor(overflow)})
        add(tally, torch.ones(3), torch.zeros(3, dtype=torch.int64), MixtureOutput(routing, None, zeros))
    assert tally.row("train")["train_overflow_share"] == 1.5 / 6


def test_balance_of_two_batches_by_hand():
    """Experts 0 0 0 1 of four samples, then 2 and none of two; a sample selects the experts of positive weight."""
    tally = Tally()
    first = torch.tensor([[1.0, 0, 0], [0.75, 0.25, 0], [1.0, 0, 0], [0, 1.0, 0]])
    for weights in (first, torch.tensor([[0.25, 0, 0.75], [0, 0, 0]])):
        B = len(weights)
        add(tally, torch.ones(B), torch.zeros(B, dtype=torch.int64), output(weights, torch.zeros(B, 4)))
    balance = tally.balance()
    # 3 of a mean of 4/3: 5/4; 1 of a mean of 1/3: 2
    assert balance["batch_max_violation"] == pytest.approx((5 / 4 + 2) / 2)
    # expert 0 is selected by 3 and 1, expert 1 by 2 and 0, expert 2 by 0 and 1
    assert [balance[f"samples_a_step_{e}"] for e in range(3)] == [4 / 2, 2 / 2, 1 / 2]
    assert [balance[f"load_share_{e}"] for e in range(3)] == pytest.approx([3 / 5, 1 / 5, 1 / 5])


def test_no_sample_routed():
    tally = Tally()
    add(tally, torch.ones(2), torch.zeros(2, dtype=torch.int64), output(torch.zeros(2, 3), torch.zeros(2, 4)))
    assert tally.row("train")["train_sample_entropy_bits"] == 0
    assert set(tally.balance().values()) == {0.0}


def test_normalized_leaves_rows_of_zeros():
    shares, routed = normalized(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
    assert shares.tolist() == [[0.25, 0.75], [0, 0]] and routed.tolist() == [True, False]


def test_entropy_by_hand():
    # halves: 1 bit; a quarter and three quarters: .811; certainty: 0
    bits = entropy_of_shares_bits(torch.tensor([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]))
    torch.testing.assert_close(bits, torch.tensor([1.0, 0.8112781, 0.0]))


def test_load_counts_the_lowest_index_of_equals_and_no_unrouted_sample():
    shares = torch.tensor([[0.5, 0.5], [0.2, 0.8], [0.0, 0.0]])
    assert load(shares, torch.tensor([True, True, False])).tolist() == [1, 1]


@pytest.mark.parametrize(("runs", "experts"), [(3, 5), (3, 3)])
def test_a_run_of_a_stack_has_the_numbers_of_its_solo_run(runs, experts):
    """Axis R, also where R = E; with samples that no expert got in one run alone."""
    draw = torch.Generator().manual_seed(1)
    weights = torch.rand(runs, 6, experts, generator=draw)
    weights[1, :2] = 0
    log_probs = torch.randn(runs, 6, 4, generator=draw).log_softmax(-1)
    loss, y = torch.rand(runs, 6, generator=draw), torch.arange(6 * runs).reshape(runs, 6) % 4
    together = Tally()
    add(together, loss, y, output(weights, log_probs), {"total": loss.mean(-1)})
    for run in range(runs):
        alone = Tally()
        add(alone, loss[run], y[run], output(weights[run], log_probs[run]), {"total": loss[run].mean()})
        of_run = together.of_run(run)
        assert of_run.row("train") == pytest.approx(alone.row("train"))
        assert of_run.balance() == pytest.approx(alone.balance())
        assert of_run.mean("total") == pytest.approx(alone.mean("total"))


def test_sums_are_kept_in_double_precision():
    tally = Tally()
    add(tally, torch.ones(2), torch.zeros(2, dtype=torch.int64), output(torch.ones(2, 3), torch.zeros(2, 4)))
    assert {one.dtype for one in tally.sums.values()} == {torch.float64}


def test_columns_of_layers_have_their_names_and_count_rows():
    """Four rows of two samples; a row without an expert counts for the overflow alone."""
    tally, weights = Tally(), torch.tensor([[1.0, 0], [0.5, 0.5], [0, 1.0], [0, 0]])
    routing = Routing(weights, weights, weights > 0, extras={"overflow_B": torch.tensor([0.0, 0.0, 0.0, 1.0])})
    other = Routing(weights[:3], weights[:3], weights[:3] > 0)
    tally.add(torch.tensor([1.0, 3.0]), {"errors": torch.tensor([1, 0])}, {"block0": routing, "block1": other})
    row = tally.row("train")
    assert (row["train_loss_nats"], row["train_error_rate"]) == (2, 0.5)
    # one bit of the three routed rows, and 1.5 of 3 to each expert
    assert row["block0_train_sample_entropy_bits"] == pytest.approx(1 / 3)
    assert row["block0_train_usage_entropy_bits"] == row["block1_train_usage_entropy_bits"] == pytest.approx(1)
    # one of four rows, not of two samples
    assert row["block0_train_overflow_share"] == 0.25 and "block1_train_overflow_share" not in row
    balance = tally.balance()
    assert balance["block0_usage_share_0"] == 0.5 and balance["block1_samples_a_step_1"] == 2
    assert balance["block0_load_share_0"] == pytest.approx(2 / 3) and "usage_share_0" not in balance
