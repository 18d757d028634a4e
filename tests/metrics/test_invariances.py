"""What holds for every registered metric of random runs: bounds, and what permutations of samples and experts do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moe_lab.metrics import METRICS, compute, elements

shapes = {"seed": st.integers(0, 2**32 - 1), "N": st.integers(1, 40), "E": st.integers(1, 6), "C": st.integers(1, 5)}

zero_shares = st.sampled_from([0.0, 0.3, 1.0])


@given(**shapes, zero_share=zero_shares)
@settings(deadline=None, max_examples=30)
def test_values_lie_within_bounds_or_are_null_with_a_reason(random_arrays, run_arrays, seed, N, E, C, zero_share):
    arrays = run_arrays(random_arrays(seed, N, E, C, zero_share))
    for name, entry in compute(arrays).items():
        values = elements(entry["value"])
        assert (None in values) == ("reason" in entry), name
        low, high = METRICS[name].bounds(**arrays.sizes)
        for value in filter(None, values):
            assert low is None or low - 1e-6 <= value, name
            assert high is None or value <= high + 1e-6, name


@given(**shapes, zero_share=zero_shares)
@settings(deadline=None, max_examples=20)
def test_permuting_samples_changes_nothing(random_arrays, run_arrays, seed, N, E, C, zero_share):
    routing = random_arrays(seed, N, E, C, zero_share)
    order = np.random.default_rng(seed).permutation(N)
    permuted = compute(run_arrays({name: array[order] for name, array in routing.items()}))
    for name, entry in compute(run_arrays(routing)).items():
        assert permuted[name]["value"] == pytest.approx(entry["value"], abs=1e-9), name


@given(**shapes, zero_share=zero_shares)
@settings(deadline=None, max_examples=20)
def test_permuting_experts_permutes_only_what_is_per_expert(random_arrays, run_arrays, seed, N, E, C, zero_share):
    routing = random_arrays(seed, N, E, C, zero_share)
    order = np.random.default_rng(seed).permutation(E)
    per_expert = {name for name, array in routing.items() if array.ndim == 2} - {"log_probs"}
    permuted = compute(run_arrays({n: a[:, order] if n in per_expert else a for n, a in routing.items()}))
    for name, entry in compute(run_arrays(routing)).items():
        value = entry["value"]
        # a list is of the routing's experts, and moves with them; that of the steps is the history's, which stays
        expected = [value[e] for e in order] if isinstance(value, list) and name != "samples_a_step" else value
        if name == "coactivation" and value is not None:
            pairs = [(e, f) for e in range(E) for f in range(E) if e != f]
            expected = {f"{e} with {f}": value[f"{order[e]} with {order[f]}"] for e, f in pairs}
        assert permuted[name]["value"] == pytest.approx(expected, abs=1e-9), name
