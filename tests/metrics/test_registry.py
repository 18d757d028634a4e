import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from inspect import getsourcefile
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from moe_lab.metrics import METRICS, RunArrays, Undefined, compute, metric
from moe_lab.metrics.registry import LIMITS, Better, Unit

#: may be negative without a bound
WITHOUT_FLOOR = {name for name in METRICS if "_mm" in name} | {
    "adjusted_mutual_information",
    "generalization_gap_nats",
    "regret_nats",
    "removal_others_nats",
    "train_loss_nats",
    "removal_own_nats",
    "routing_gain_nats",
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
    assert {registered.low, registered.high} <= LIMITS.keys()
    assert registered.low != "none" or registered.task == "regression" or registered.name in WITHOUT_FLOOR
    assert registered.definition.endswith(".")
    assert "\n" not in registered.definition
    assert registered.source
    suffix = registered.name.rpartition("_")[2]
    assert suffix not in ("bits", "nats") or suffix == registered.unit


def test_decorators_can_be_read_without_importing():
    files = {Path(getsourcefile(registered.function)) for registered in METRICS.values()}
    functions = [
        node
        for file in files
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.decorator_list
    ]
    assert {function.name for function in functions} == set(METRICS)
    for function in functions:
        options = {word.arg: ast.literal_eval(word.value) for word in function.decorator_list[0].keywords}
        assert {word: getattr(METRICS[function.name], word) for word in options} == options


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


def test_compute_gives_plain_values_and_reasons(tiny, register):
    @metric(unit="count", low="0", high="none", better="none", source="a test")
    def whole(arrays):
        """A NumPy whole number."""
        return np.int64(3)

    @metric(unit="bits", low="0", high="none", better="none", source="a test", null_element="null where there is none")
    def several(arrays):
        """A list with a hole."""
        return [np.float64(0.5), None]

    @metric(unit="fraction", low="0", high="1", better="none", source="a test")
    def nothing(arrays):
        """Not defined."""
        raise Undefined("there is nothing")

    @metric(unit="fraction", low="0", high="1", better="none", source="a test")
    def broken(arrays):
        """A number that JSON cannot hold."""
        return np.float64("nan")

    @metric(unit="bits", low="0", high="none", better="none", source="a test", null_element="null where unknown")
    def by_name(arrays):
        """Numbers by name."""
        return {"0 and 1": np.float32(0.5), "0 and 2": None}

    entries = compute(RunArrays.from_files(tiny))
    assert entries == {
        "by_name": {"value": {"0 and 1": 0.5, "0 and 2": None}, "unit": "bits", "reason": "null where unknown"},
        "whole": {"value": 3, "unit": "count"},
        "several": {"value": [0.5, None], "unit": "bits", "reason": "null where there is none"},
        "nothing": {"value": None, "unit": "fraction", "reason": "there is nothing"},
        "broken": {"value": None, "unit": "fraction", "reason": "it came out as nan"},
    }
    assert type(entries["whole"]["value"]) is int
    assert type(entries["several"]["value"][0]) is float
    assert register["whole"].definition == "A NumPy whole number."


def test_a_metric_without_a_docstring_or_with_a_taken_name_is_refused(register):
    def undescribed(arrays):
        return 0

    options = {"unit": "count", "low": "0", "high": "1", "better": "none", "source": "a test"}
    with pytest.raises(ValueError, match="undescribed"):
        metric(**options)(undescribed)
    undescribed.__doc__ = "Described now."
    with pytest.raises(ValueError, match="log3 E"):
        metric(**options | {"high": "log3 E"})(undescribed)
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
    assert list(entries) == list(METRICS)
