import numpy as np
import pytest
import torch
from scipy.stats import entropy

from moe_lab.routing import ExpertOutput, MixtureOutput, Routing
from moe_lab.training.tally import Tally, entropy_bits, load, normalized


def output(weights, log_probs):
    return MixtureOutput(Routing(weights, weights, weights > 0), ExpertOutput(None, None), log_probs)


def test_rows_against_numpy_over_two_uneven_batches():
    draw = torch.Generator().manual_seed(0)
    weights = torch.rand(12, 5, generator=draw)
    weights[3] = 0
    log_probs = torch.randn(12, 4, generator=draw).log_softmax(-1)
    y, loss = torch.arange(12) % 4, torch.rand(12, generator=draw)
    tally = Tally()
    for part in (slice(0, 8), slice(8, 12)):
        tally.add(loss[part], y[part], output(weights[part], log_probs[part]), {"total": loss[part].mean()})
    kept = np.delete(weights.numpy(), 3, axis=0).astype(float)
    shares = kept / kept.sum(1, keepdims=True)
    row = tally.row("train")
    assert row["train_loss_nats"] == pytest.approx(loss.mean().item())
    assert row["train_error_rate"] == pytest.approx((log_probs.argmax(-1) != y).float().mean().item())
    assert row["train_sample_entropy_bits"] == pytest.approx(entropy(shares, base=2, axis=1).mean(), rel=1e-5)
    assert row["train_usage_entropy_bits"] == pytest.approx(entropy(shares.mean(0), base=2), rel=1e-5)
    # a mean over batches, not over samples
    assert tally.mean("total") == pytest.approx((loss[:8].mean() + loss[8:].mean()).item() / 2)
    usage = [tally.shares()[f"usage_share_{e}"] for e in range(5)]
    assert usage == pytest.approx(shares.mean(0).tolist(), rel=1e-5)
    counts = np.bincount(kept.argmax(1), minlength=5) / 11
    assert [tally.shares()[f"load_share_{e}"] for e in range(5)] == pytest.approx(counts.tolist())


def test_no_sample_routed():
    tally = Tally()
    tally.add(torch.ones(2), torch.zeros(2, dtype=torch.int64), output(torch.zeros(2, 3), torch.zeros(2, 4)))
    assert tally.row("train")["train_sample_entropy_bits"] == 0
    assert set(tally.shares().values()) == {0.0}


def test_normalized_leaves_rows_of_zeros():
    shares, routed = normalized(torch.tensor([[1.0, 3.0], [0.0, 0.0]]))
    assert shares.tolist() == [[0.25, 0.75], [0, 0]] and routed.tolist() == [True, False]


def test_entropy_by_hand():
    # halves: 1 bit; a quarter and three quarters: .811; certainty: 0
    bits = entropy_bits(torch.tensor([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]]))
    torch.testing.assert_close(bits, torch.tensor([1.0, 0.8112781, 0.0]))


def test_load_counts_the_lowest_index_of_equals_and_no_unrouted_sample():
    shares = torch.tensor([[0.5, 0.5], [0.2, 0.8], [0.0, 0.0]])
    assert load(shares, torch.tensor([True, True, False])).tolist() == [1, 1]


def test_sums_have_a_value_a_run():
    """Axis R: two runs in one tally give what two tallies give."""
    draw = torch.Generator().manual_seed(1)
    weights, log_probs = torch.rand(2, 6, 3, generator=draw), torch.randn(2, 6, 4, generator=draw).log_softmax(-1)
    loss, y = torch.rand(2, 6, generator=draw), torch.arange(12).reshape(2, 6) % 4
    together, alone = Tally(), [Tally(), Tally()]
    together.add(loss, y, output(weights, log_probs))
    for run, tally in enumerate(alone):
        tally.add(loss[run], y[run], output(weights[run], log_probs[run]))
        for name, value in tally.sums.items():
            torch.testing.assert_close(together.sums[name].expand(2, *value.shape)[run], value)
