"""Two published models: OLMoE's counts give the shares that we took from them by hand."""

import csv

import numpy as np
import pytest

from moe_lab.metrics.traces import measure_counts

#: I(E;domain) / H(E) in layers 0, 7 and 15, five domains of equal weight
SHARES = {"Mixtral-8x7B": [0.0011, 0.0012, 0.0030], "OLMoE-1B-7B": [0.0283, 0.0685, 0.0860]}
BITS = {"Mixtral-8x7B": [0.0031, 0.0037, 0.0090], "OLMoE-1B-7B": [0.1674, 0.4005, 0.5012]}


def tables_of(folder):
    """model -> layer -> [domain, expert]; skips if the table is not there."""
    path = folder / "olmoe" / "expert_counts.csv"
    if not path.is_file():
        pytest.skip("no published counts here: python -m benchmarks.olmoe_counts CLONE > olmoe/expert_counts.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    domains = sorted({row["domain"] for row in rows})
    tables = {}
    for row in rows:
        experts = 8 if row["model"] == "Mixtral-8x7B" else 64
        table = tables.setdefault(row["model"], {}).setdefault(row["layer"], np.zeros((5, experts), dtype=int))
        table[domains.index(row["domain"]), int(row["expert"])] = int(row["slots"])
    return tables


def test_olmoe_specializes_by_domain_and_mixtral_hardly(real_data):
    tables = tables_of(real_data)
    assert tables.keys() == SHARES.keys()
    for model, layers in tables.items():
        found = measure_counts(layers, "domain")
        shares = [one.value for one in found if one.measure == "equal_information_per_usage"]
        bits = [one.value for one in found if one.measure == "jensen_shannon_bits"]
        assert shares == pytest.approx(SHARES[model], abs=5e-5)
        assert bits == pytest.approx(BITS[model], abs=5e-5)
        # every domain has the same number of slots, so that equal weights change nothing
        assert [one.value for one in found if one.measure == "slot_information_per_usage"] == pytest.approx(shares)
