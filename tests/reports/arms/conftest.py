"""Run folders with a status and metrics alone, which is all that most of the report of arms reads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from moe_lab.metrics.registry import ONE_EXPERT
from moe_lab.store.run import Run

UNITS = {"test_error_rate": "fraction", "information_per_usage": "fraction", "collapsed": "count"}


#: an entry of metrics.json of an arm of one expert
ONE = {"value": None, "unit": "bits", "reason": ONE_EXPERT}


def entry_of(name: str, given: Any) -> dict[str, Any]:
    if isinstance(given, dict) and "reason" in given:
        return given
    value, unit = given if isinstance(given, tuple) else (given, UNITS.get(name, "bits"))
    return {"value": value, "unit": unit}


def write_light(
    folder: Path,
    differs: dict[str, Any],
    values: dict[str, Any] | None = None,
    *,
    status: str = "finished",
    error: str | None = None,
    choices: dict[str, Any] | None = None,
    config: str = "k: 5\n",
    auto_filled: tuple[str, ...] = (),
) -> Run:
    """``values``: metric -> value, or (value, unit), or the entry of a metric that is undefined."""
    folder.mkdir(parents=True)
    chosen = {"gate": "softmax", "regularizer": [], "dataset": "digits"} | (choices or {})
    chosen |= {key: differs[key] for key in chosen if key in differs}
    facts = {"status": status, "error": error, "choices": chosen, "differs": differs, "auto_filled": list(auto_filled)}
    (folder / "status.json").write_text(json.dumps(facts))
    (folder / "config.yaml").write_text(config)
    if status == "finished":
        metrics = {name: entry_of(name, one) for name, one in (values or {}).items()}
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return Run(folder)


@pytest.fixture
def light(tmp_path: Path) -> Callable[..., Run]:
    """``light(name, differs, values, **more)`` writes a run folder below ``jobs`` of a fresh folder."""
    return lambda name, *given, **more: write_light(tmp_path / "jobs" / name, *given, **more)


@pytest.fixture
def grid(light) -> Callable[..., list[Run]]:
    """``grid({gate: errors}, share=...)``: a run a gate and seed, softmax being the default.

    H(load) is 2 bits, of which ``share`` less the error is information.
    """

    def make(errors: dict[str, list[float]], share: float = 0.8, collapsed: dict[str, int] | None = None) -> list[Run]:
        fallen = collapsed or {}
        return [
            light(
                f"{gate}-{seed}",
                ({} if gate == "softmax" else {"gate": gate}) | ({"seed": seed} if seed else {}),
                {
                    "test_error_rate": error,
                    "information_per_usage": share - error,
                    "mutual_information_expert_label_bits": 2 * (share - error),
                    "load_entropy_bits": 2.0,
                    "collapsed": int(seed < fallen.get(gate, 0)),
                },
            )
            for gate, values in errors.items()
            for seed, error in enumerate(values)
        ]

    return make
