"""Which gate goes with which objective: the checks of moe_lab/mixture/mixture.py, asked of every pair.

``python -m docs.pairs > docs/pairs.md`` writes the table anew; a test says when that is due.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from moe_lab.config.build import build, class_of
from moe_lab.config.compose import compose, options
from moe_lab.config.sources import open_sources
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_mixture
from moe_lab.experiment.remedies import fitting
from moe_lab.parts.checks import refusal
from moe_lab.parts.roles import Gate

#: five experts for images of 8 x 8 in ten classes, as dataset=digits has them, or with a number as the target
SHAPE, CLASSES = (1, 8, 8), 10

PROSE = """# Gates and objectives

A gate and an objective go together if the objective can teach the gate. What does not is refused when a config is
composed, before anything is written, with the reason. This table is made from those checks, with five experts and each
gate's own k (`python -m docs.pairs > docs/pairs.md`); a test keeps it up to date, and another trains every
allowed pair.

Some gates choose their objective: `gate=stochastic` alone means `objective=stochastic`, unless a word says otherwise.
How the trained mixture answers is a key of its own, `inference=mixture|argmax|sample`, and touches evaluation alone.
With one expert there is nothing to teach, and every objective is allowed that finds what it reads; a baseline has no
scores, so it takes none that teaches scores or a draw. `mixture_density` is for targets that are numbers, with experts
that predict these ([regression.md](regression.md)).
"""


def config_of(gate: str, objective: str | None = None) -> dict[str, Any]:
    """The config of a gate, with the objective that it chooses or another one and experts that fit it, not checked."""
    config = _composed(gate)
    if objective is None:
        return config
    experts = open_sources().node("experts", "gaussian") if of_numbers(objective) else config["experts"]
    return {**config, "objective": open_sources().node("objective", objective), "experts": experts}


def of_numbers(objective: str) -> bool:
    """Whether an objective is for targets that are numbers, and for these alone."""
    return class_of(open_sources().node("objective", objective)).task == "regression"


def reason(gate: str, objective: str) -> str | None:
    """Why an objective cannot train a gate, as the end of a sentence; None if it can."""
    config = config_of(gate, objective if of_numbers(objective) else None)
    try:
        made = _gate(gate, objective if of_numbers(objective) else None)
    except ConfigError as error:
        return str(error)
    why = refusal(made, build(open_sources().node("objective", objective), made.sizes))
    return why and why.text(*fitting(why, config, made.sizes))


def pairs() -> Iterator[tuple[str, str, str | None]]:
    """(gate, objective, why they do not go together or None) of all options."""
    for gate in options("gate"):
        for objective in options("objective"):
            yield gate, objective, reason(gate, objective)


def table() -> str:
    """The whole of docs/pairs.md."""
    columns = options("objective")
    rows: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    for gate, _, why in pairs():
        cell = "yes" if why is None else str(numbers.setdefault(why, len(numbers) + 1))
        rows.setdefault(gate, []).append(cell)
    lines = [PROSE, f"| gate | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}"]
    lines += [f"| {gate} | {' | '.join(cells)} |" for gate, cells in rows.items()]
    lines += ["", "Where there is a number, the objective", ""]
    lines += [f"{number}. {why}" for why, number in numbers.items()]
    return "\n".join(lines) + "\n"


@cache
def _gate(gate: str, objective: str | None) -> Gate:
    classes = CLASSES if objective is None else 0
    return build_mixture(config_of(gate, objective), SHAPE, classes, seed_init=0).gate


@cache
def _composed(gate: str) -> dict[str, Any]:
    return compose([f"gate={gate}"])


if __name__ == "__main__":
    print(table(), end="")
