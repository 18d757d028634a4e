"""Which parts go together, found by the checks of composition for every pair of options."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from moe_lab.config.build import build, class_of
from moe_lab.config.compose import compose, options
from moe_lab.config.sources import open_sources
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_mixture
from moe_lab.experiment.remedies import fitting
from moe_lab.parts import checks, layer_checks
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Experts, Gate
from moe_lab.tasks import TARGETS

#: five experts for images of 8 x 8 in ten classes, as dataset=digits has them, or with a number as the target
SHAPE, CLASSES = (1, 8, 8), 10
#: groups whose options act on a gate
ON_A_GATE = ("objective", "regularizer", "controller")


def config_of(gate: str, objective: str | None = None) -> dict[str, Any]:
    """The config of a gate, with the objective that it chooses or another one and experts that fit it, not checked."""
    config = _composed(gate)
    if objective is None:
        return config
    experts = open_sources().node("experts", "gaussian") if of_numbers(objective) else config["experts"]
    return {**config, "objective": _objective(objective), "experts": experts}


def of_numbers(objective: str) -> bool:
    """Whether an objective is for regression only."""
    return class_of(_objective(objective)).task == "regression"


def reason(gate: str, objective: str) -> str | None:
    """Why an objective cannot train a gate, as the end of a sentence that says what would do; None if it can."""
    try:
        made = _made(gate, objective)
    except ConfigError as error:
        return str(error)
    why = _refusal(made, objective)
    if why is None:
        return None
    return why.text(*fitting(why, config_of(gate, objective if of_numbers(objective) else None), made.sizes))


def pairs() -> Iterator[tuple[str, str, str | None]]:
    """(gate, objective, why they do not go together or None) of all options."""
    for gate in options("gate"):
        for objective in options("objective"):
            yield gate, objective, reason(gate, objective)


def lacking(gate: str, group: str, name: str) -> str | None:
    """Why an option of ON_A_GATE does not go with a gate, with the gate's own k; None if it does."""
    try:
        made = _made(gate, name if group == "objective" else None)
        if group == "objective":
            why = _refusal(made, name)
        else:
            why = checks.lack(build(_parts(group)[name], made.sizes), made)
    except ConfigError as error:
        return str(error)
    return why.lacks if why else None


def partners(group: str, name: str) -> dict[str, str | None]:
    """What an option may be put together with -> why the two do not go together, or None if they do.

    Of a gate the options of ON_A_GATE, and mixture layers; of these the gates; of experts the tasks, and mixture
    layers. Empty for other groups.
    """
    if group == "gate":
        others = [(one, option) for one in ON_A_GATE for option in options(one)]
        found = {f"{one}={option}": lacking(name, one, option) for one, option in others}
        why = layer_checks.refusal(_gate(name, None))
        return found | {"mixture layers of a network": why.lacks if why else None}
    if group == "experts":
        return _places(class_of(open_sources().node(group, name)))
    return {f"gate={gate}": lacking(gate, group, name) for gate in options("gate")} if group in ON_A_GATE else {}


def _places(experts: type[Experts]) -> dict[str, str | None]:
    found: dict[str, str | None] = {
        f"targets that are {called}": None if task == experts.task else f"are for {TARGETS[experts.task]}"
        for task, called in TARGETS.items()
    }
    if not experts.predicts:
        found = {"a mixture that stands alone": "give values and predict nothing by themselves"}
    return found | {"mixture layers of a network": "predict, and a layer adds up values" if experts.predicts else None}


def _refusal(gate: Gate, objective: str) -> Reason | None:
    return checks.refusal(gate, build(_objective(objective), gate.sizes))


def _made(gate: str, objective: str | None) -> Gate:
    """The gate, with experts for regression if the objective is for regression only."""
    return _gate(gate, objective if objective is not None and of_numbers(objective) else None)


@cache
def _gate(gate: str, objective: str | None) -> Gate:
    classes = CLASSES if objective is None else 0
    return build_mixture(config_of(gate, objective), SHAPE, classes, seed_init=0).gate


@cache
def _objective(name: str) -> dict[str, Any]:
    """The content of its file, which is read once for all gates."""
    return open_sources().node("objective", name)


@cache
def _composed(gate: str) -> dict[str, Any]:
    return compose([f"gate={gate}"])


@cache
def _parts(group: str) -> dict[str, Any]:
    """All regularizers, or all controllers, by name, with the numbers that they have by default."""
    parts: dict[str, Any] = compose([f"{group}=[{','.join(options(group))}]"])[f"{group}s"]
    return parts
