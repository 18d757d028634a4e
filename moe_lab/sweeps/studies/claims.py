"""A bench of claims: one file of published results, each of which is a small study with predictions.

``moe-lab study claims claim=NAME`` runs one of them. Each is committed before its runs, whose seeds no trial has used.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from moe_lab.errors import ConfigError, did_you_mean, there_are
from moe_lab.sweeps.studies.file import Strict, StudyFile, checked, study_node, validated

#: the word that chooses a claim
CLAIM = "claim"


class Prediction(Strict):
    """What is expected of an arm in a metric, against the arm that others are set against, or against a number.

    ``margin``: the least difference that matters, in the metric's unit.
    """

    arm: str
    metric: str
    expect: Literal["higher", "lower", "equal"]
    than: float | None = None
    margin: float = Field(gt=0)


def expectation(expect: str, than: str | float, margin: float) -> str:
    """``lower than batch (margin 0.01)``."""
    return f"{expect} {'to' if expect == 'equal' else 'than'} {than} (margin {margin:g})"


class Claim(StudyFile):
    """A published result and the study that asks whether it holds here.

    claim:    what was published, in one sentence.
    formula:  what is compared or added.
    reported: the number that was published.
    caution:  what could make it fail here without refuting the source.
    """

    claim: str
    formula: str
    reported: str
    caution: str
    predictions: list[Prediction] = Field(min_length=1)


class Bench(Strict):
    """Claims that share their seeds and data sets."""

    title: str
    seeds: int = Field(ge=1)
    first_seed: int = Field(ge=0)
    quick: dict[str, Any] = {}
    datasets: dict[str, dict[str, Any]]
    claims: dict[str, dict[str, Any]]


def claim_names(name: str, config_dir: Path | None = None) -> list[str]:
    """The claims of the study ``name``; none if it is a study of one question. Raises ConfigError if there is none."""
    node, _ = study_node(name, config_dir)
    return list(node.get("claims", {}))


def read_claim(name: str, claim: str, config_dir: Path | None = None) -> Claim:
    """One claim of the study ``name``. Raises ConfigError if there is none, or its file is not one."""
    node, file = study_node(name, config_dir)
    bench = validated(Bench, node, file)
    if claim not in bench.claims:
        near = did_you_mean(claim, bench.claims)
        raise ConfigError(f"{CLAIM}={claim}: study {name} has no such claim.{near}{there_are(list(bench.claims))}")
    place = f"{file}: {claim}"
    found = checked(Claim, _with_shared(bench, claim, place), place)
    arms, metrics = found.arms, found.metrics
    for one in found.predictions:
        for what, known in ((one.arm, arms), (one.metric, metrics)):
            if what not in known:
                raise ConfigError(f"{place}: predictions: '{what}' is none of {', '.join(known)}")
    return found


def _with_shared(bench: Bench, claim: str, place: str) -> Mapping[str, Any]:
    """The claim's node with the bench's seeds, and with the data sets that it names."""
    own = dict(bench.claims[claim])
    names = own.pop("datasets", list(bench.datasets))
    for name in names:
        if name not in bench.datasets:
            raise ConfigError(f"{place}: datasets: no '{name}'.{there_are(list(bench.datasets))}")
    choices: dict[str, dict[str, Any]] = {CLAIM: {claim: {}}}
    if names:
        choices["dataset"] = {name: bench.datasets[name] for name in names}
    choices |= own.get("choices", {})
    shared = {"seeds": bench.seeds, "first_seed": bench.first_seed, "quick": bench.quick}
    return {**shared, **own, "choices": choices}
