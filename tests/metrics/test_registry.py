import json
import subprocess
import sys
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest

from moe_lab.metrics import METRICS, RunArrays, Undefined, bounds, compute, metric
from moe_lab.metrics.registry import Better, Unit, parts_of
from moe_lab.reports.arms.measured import quantity_of

#: may be negative without a bound
WITHOUT_FLOOR = {name for name in METRICS if "_mm" in name} | {
    "ablation_loss_increase_nats",
    "ablation_loss_increase_others_nats",
    "adjusted_mutual_information",
    "domain_given_token_per_usage",
    "generalization_gap_nats",
    "most_used_disabled_loss_increase_nats",
    "regret_nats",
    "removal_others_nats",
    "train_loss_nats",
    "removal_own_nats",
    "retention_loss_increase_nats",
    "routing_gain_nats",
    "second_choice_loss_increase_nats",
    "shared_disabled_loss_increase_nats",
    "top_experts_disabled_loss_increase_nats",
}


@pytest.fixture
def register(monkeypatch) -> Iterator[dict]:
    """METRICS as an empty register, put back at the end."""
    saved = dict(METRICS)
    METRICS.clear()
    yield METRICS
    METRICS.clear()
    METRICS.update(saved)


@pytest.mark.parametrize("registered", METRICS.values(), ids=METRICS)
def test_every_metric_is_described(registered):
    assert registered.unit in get_args(Unit)
    assert registered.better in get_args(Better)
    assert registered.low is not None or registered.task == "regression" or registered.name in WITHOUT_FLOOR
    assert registered.definition.endswith(".")
    assert "\n" not in registered.definition
    assert registered.source
    suffix = registered.name.rpartition("_")[2]
    assert suffix not in ("bits", "nats") or suffix == registered.unit


def test_bounds_in_numbers():
    # E=8, C=4: log2 8 = 3, log2 min(8, 4) = 2, (8 - 1) = 7, 1/8 = .125
    bounds = {name: registered.bounds(experts=8, classes=4) for name, registered in METRICS.items()}
    assert bounds["usage_entropy_bits"] == (0, 3)
    assert bounds["mutual_information_expert_label_bits"] == (0, 2)
    assert bounds["load_max_violation"] == (0, 7)
    assert bounds["top_expert_share"] == (0.125, 1)
    assert bounds["effective_experts"] == (1, 8)
    assert bounds["hardening_gap"] == (-1, 1)
    assert bounds["test_loss_nats"] == (0, None)
    # a density may exceed 1
    # two of the four classes have test samples: the label has one bit, an answer still two
    few = {name: registered.bounds(experts=8, classes=4, tested=2) for name, registered in METRICS.items()}
    assert few["mutual_information_expert_label_bits"] == few["label_given_expert_entropy_bits"] == (0, 1)
    assert few["mutual_information_expert_prediction_bits"] == (0, 2)
    assert METRICS["test_loss_nats"].bounds(experts=8, classes=4, task="regression") == (None, None)


def test_bounds_as_text():
    texts = {name: registered.range for name, registered in METRICS.items()}
    assert texts["usage_entropy_bits"] == "0 to log2 E"
    assert texts["top_expert_share"] == "1 / E to 1"
    assert texts["adjusted_rand_index"] == "-0.5 to 1"
    assert texts["test_loss_nats"] == "at least 0 for classes"
    assert texts["adjusted_mutual_information"] == "at most 1"
    assert texts["regret_nats"] == "unbounded"


def test_what_is_written_of_a_bound_is_its_number():
    many, few = (bounds.Sizes(*sizes, task="classification") for sizes in ((8, 4, 2), (4, 16, 8)))
    functions = {end for one in METRICS.values() for end in (one.low, one.high) if callable(end)}
    assert {bounds.text(one): (bounds.value(one, many), bounds.value(one, few)) for one in functions} == {
        "0 for classes": (0, 0),
        "E": (8, 4),
        "E - 1": (7, 3),
        "1 / E": (0.125, 0.25),
        "1 - 1 / E": (0.875, 0.75),
        "sqrt(E - 1)": (7**0.5, 3**0.5),
        "C_test": (2, 8),
        "log2 E": (3, 2),
        "log2 C_test": (1, 3),
        "log2 min(E, C)": (2, 2),
        "log2 min(E, C_test)": (1, 2),
    }


def test_compute_gives_plain_values_and_reasons(tiny, register):
    @metric(unit="count", low=0, high=None, better="none", source="a test")
    def whole(arrays):
        """A NumPy whole number."""
        return np.int64(3)

    @metric(unit="bits", low=0, high=None, better="none", source="a test", null_element="null where there is none")
    def several(arrays):
        """A list with a hole."""
        return [np.float64(0.5), None]

    @metric(unit="fraction", low=0, high=1, better="none", source="a test")
    def nothing(arrays):
        """Not defined."""
        raise Undefined("there is nothing")

    @metric(unit="fraction", low=0, high=1, better="none", source="a test")
    def broken(arrays):
        """A number that JSON cannot hold."""
        return np.float64("nan")

    @metric(unit="bits", low=0, high=None, better="none", source="a test", null_element="null where unknown")
    def by_name(arrays):
        """Numbers by name."""
        return {"0 and 1": np.float32(0.5), "0 and 2": None}

    entries = compute(RunArrays.from_files(tiny))
    assert entries == {
        "by_name": {"value": {"0 and 1": 0.5, "0 and 2": None}, "unit": "bits", "reason": "null where unknown"},
        "whole": {"value": 3, "unit": "count"},
        "several": {"value": [0.5, None], "unit": "bits", "reason": "null where there is none"},
        "nothing": {"value": None, "unit": "fraction", "reason": "there is nothing"},
        "broken": {"value": None, "unit": "fraction", "reason": "its value is nan"},
    }
    assert type(entries["whole"]["value"]) is int
    assert type(entries["several"]["value"][0]) is float
    assert register["whole"].definition == "A NumPy whole number."


def test_a_metric_without_a_docstring_or_with_a_taken_name_is_refused(register):
    def undescribed(arrays):
        return 0

    options = {"unit": "count", "low": 0, "high": 1, "better": "none", "source": "a test"}
    with pytest.raises(ValueError, match="undescribed"):
        metric(**options)(undescribed)
    undescribed.__doc__ = "Described now."
    assert metric(**options)(undescribed) is undescribed
    with pytest.raises(ValueError, match="taken already"):
        metric(**options)(undescribed)


def test_importing_metrics_needs_numpy_only():
    code = "import sys, moe_lab.metrics; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert not {"torch", "pandas", "sklearn", "scipy", "hydra", "matplotlib"} & set(loaded)


def test_json_holds_every_value(tiny, random_arrays, run_arrays):
    for arrays in (RunArrays.from_files(tiny), run_arrays(random_arrays(0, zero_share=1.0))):
        entries = compute(arrays)
        assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    assert list(entries) == [name for name, one in METRICS.items() if not one.of_networks]


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("test_error_rate", ("", "test_error_rate", "")),
        ("block0.load_entropy_bits", ("block0", "load_entropy_bits", "")),
        ("swap_drop: 0-1", ("", "swap_drop", "0-1")),
        ("block0.saturation_by_step: 0.01", ("block0", "saturation_by_step", "0.01")),
    ],
)
def test_layer_metric_and_key(name, parts):
    assert parts_of(name) == parts


def test_a_number_of_a_layer_is_called_by_layer_metric_and_key():
    found = quantity_of("block0.saturation_by_step: 0.01", {"value": 0.5, "unit": "fraction"})
    assert found.label == "block0: saturation by step: 0.01" and "steps" in found.definition
