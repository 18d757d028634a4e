import numpy as np
import pytest
from scipy.stats import entropy

from moe_lab.metrics.balance import (
    collapsed,
    dead_experts,
    effective_experts,
    load_entropy_bits,
    load_max_violation,
    top_expert_share,
    unrouted_share,
    usage_entropy_bits,
)


@pytest.fixture
def with_experts(random_arrays, run_arrays):
    """A function ``experts of the samples (-1 for none), E -> RunArrays`` with one-hot weights."""

    def make(expert_N, E):
        routing = random_arrays(0, len(expert_N), E, 3)
        weights_NE = np.vstack([np.eye(E), np.zeros(E)])[expert_N]
        return run_arrays(routing | {"weights": weights_NE.astype(np.float32)})

    return make


def test_usage_entropy_is_of_the_mean_normalized_row(random_arrays, run_arrays):
    routing = random_arrays(3, 100, 5, 3)
    weights = routing["weights"].astype(np.float64)
    weights = weights[weights.sum(1) > 0]
    expected = entropy((weights / weights.sum(1, keepdims=True)).mean(0), base=2)
    assert usage_entropy_bits(run_arrays(routing)) == pytest.approx(expected, abs=1e-12)
    # which is not the entropy of the mean raw row: rows with large weights would count for more
    assert abs(expected - entropy(weights.mean(0), base=2)) > 1e-3


def test_perfect_balance(with_experts):
    arrays = with_experts([0, 1, 2, 3] * 5, E=4)
    assert load_entropy_bits(arrays) == 2
    assert effective_experts(arrays) == 4
    assert load_max_violation(arrays) == 0
    assert dead_experts(arrays) == 0


def test_loads_count_routed_samples_only(with_experts):
    arrays = with_experts([0, 0, 0, 1, -1, -1, -1, -1], E=3)
    # loads 3 1 0 of 4 routed: H = 2 - .75 log2 3; mean 4/3: (3 - 4/3) / (4/3) = 5/4
    assert load_entropy_bits(arrays) == pytest.approx(2 - 0.75 * np.log2(3), abs=1e-12)
    assert load_max_violation(arrays) == 5 / 4
    assert top_expert_share(arrays) == 3 / 4
    assert dead_experts(arrays) == 1
    assert unrouted_share(arrays) == 1 / 2


def test_collapsed_is_above_95_percent(with_experts):
    # 19 of 20 is 95 % and no more; 20 of 21 is 95.2 %
    assert collapsed(with_experts([0] * 19 + [1], E=2)) == 0
    assert collapsed(with_experts([0] * 20 + [1], E=2)) == 1


def test_a_tie_loads_the_lower_index(random_arrays, run_arrays):
    routing = random_arrays(0, 6, 3, 3)
    routing["weights"] = np.tile(np.float32([0.2, 0.4, 0.4]), (6, 1))
    np.testing.assert_array_equal(run_arrays(routing).load_E, [0, 6, 0])
