"""What the pages of studies say of contrasts is computed again from the runs that are stored beside them."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "studies" / "krishnamurthy2023.md"
#: the sign flips of ten differences
SIGNS = np.array(list(itertools.product((1, -1), repeat=10)))


def errors(study, arm):
    """Of seeds 0 to 9."""
    with open(PAGE.with_suffix("") / study / "study-runs.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if (row["arm"], row["name"]) == (arm, "test_error_rate")]
    return np.array([float(row["value"]) for row in sorted(rows, key=lambda row: int(row["seed"]))])


@pytest.mark.parametrize(
    ("regularizer", "said"), [("importance", "+.0024 (p = .42"), ("similarity", "+.0026 (p = .39")]
)
def test_the_gain_of_a_regularizer_with_the_printed_rate_and_with_a_chosen_one(regularizer, said):
    def gain_n(study):
        return errors(study, "original") - errors(study, f"original + {regularizer}")

    more_n = gain_n("mnist-published") - gain_n("mnist-fair")
    # the exact sign-flip test of the mean
    p = np.mean(abs(SIGNS @ more_n) >= abs(more_n.sum()) - 1e-12)
    found = f"{more_n.mean():+.4f} (p = {p:.2f}".replace("0.", ".")
    assert found == said
    words = " ".join(PAGE.read_text().split())
    assert said.split(" (p")[0] in words and said.partition("(")[2] in words


@pytest.mark.parametrize(
    ("runs", "layer", "lost"),
    [
        ("digits", "block0", "40 %"),
        ("digits", "block1", "81 %"),
        ("markov-languages", "block0", "91 %"),
        ("markov-languages", "block1", "94 %"),
    ],
)
def test_balance_within_documents_and_what_experts_know_of_them(runs, layer, lost):
    """Less in ten of ten seeds, and by this share of the mean."""
    page = PAGE.with_name("balancing-scope.md")
    with open(page.with_suffix("") / f"{runs}.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    name = f"{layer}.mutual_information_expert_label_bits"
    bits = {
        arm: {row["seed"]: float(row["value"]) for row in rows if (row["arm"], row["name"]) == (arm, name)}
        for arm in ("batch", "document")
    }
    assert sum(bits["document"][seed] < bits["batch"][seed] for seed in bits["batch"]) == 10
    share = 1 - sum(bits["document"].values()) / sum(bits["batch"].values())
    assert f"{share:.0%}".replace("%", " %") == lost and lost in page.read_text()


def test_mixture_layers_against_dense_ones_on_fashion_mnist():
    page = PAGE.with_name("mixture-layers.md")
    with open(page.with_suffix("") / "runs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    errors_of = {
        arm: np.array([float(row["test_error_rate"]) for row in rows if row["arm"] == arm])
        for arm in ("mixture layers", "dense_active", "dense_total")
    }
    for arm, said in (("dense_active", "+.011, p = .008"), ("dense_total", "+.014, p = .006")):
        more_n = errors_of[arm] - errors_of["mixture layers"]
        p = np.mean(abs(SIGNS @ more_n) >= abs(more_n.sum()) - 1e-12)
        assert f"{more_n.mean():+.3f}, p = {p:.3f}".replace("0.", ".") == said and said in page.read_text()
    shares = {
        layer: [float(row[f"{layer}: class"]) for row in rows if row["arm"] == "mixture layers"]
        for layer in ("block0", "block1")
    }
    assert round(min(shares["block1"]), 2) == 0.21 > round(max(shares["block0"]), 2) == 0.15
