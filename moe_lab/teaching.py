"""Which gate goes with which objective: the checks of moe_lab/checks.py, asked of every pair.

``python -m moe_lab.teaching > docs/pairs.md`` writes the table anew; a test says when that is due.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from moe_lab.checks import check_task, refusal
from moe_lab.config.build import build, class_of
from moe_lab.config.compose import compose, options
from moe_lab.config.sources import open_sources
from moe_lab.errors import ConfigError
from moe_lab.mixture import build_mixture
from moe_lab.parts import Gate
from moe_lab.tasks import Task

#: five experts for images of 8 x 8; ten classes, as dataset=digits has them, or numbers to predict
SHAPE, CLASSES = (1, 8, 8), {"classification": 10, "regression": 0}
EXPERTS = {"classification": "mlp", "regression": "gaussian"}

PROSE = """# Gates and objectives

A gate and an objective go together if the objective can teach the gate. What does not is refused when a config is
composed, before anything is written, with the reason. This table is made from those checks, for classes
(`mixture_density`: for numbers), with five experts and each gate's own k (`python -m moe_lab.teaching >
docs/pairs.md`); a test keeps it up to date, and another trains every allowed pair.

Some gates choose their objective: `gate=stochastic` alone means `objective=stochastic`, unless a word says otherwise.
How the trained mixture answers is a key of its own, `inference=mixture|argmax|sample`, and touches evaluation alone.
With one expert, also that of a baseline, every objective is allowed.
"""


def task_of(objective: str) -> Task:
    """The task that an objective is shown with: classes, unless it is for numbers alone."""
    return class_of(_node("objective", objective)).task or "classification"


def config_of(gate: str, objective: str) -> dict[str, Any]:
    """The config of a gate and an objective with experts of its task, not checked."""
    experts = _node("experts", EXPERTS[task_of(objective)])
    return {**_composed(gate), "experts": experts, "objective": _node("objective", objective)}


def reason(gate: str, objective: str) -> str | None:
    """Why an objective cannot train a gate, as the end of a sentence; None where it can."""
    try:
        part = _gate(gate, task_of(objective))
        return refusal(part, build(_node("objective", objective), part.sizes))
    except ConfigError as error:
        return f"does not fit this gate: {error}"


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
def _gate(name: str, task: Task) -> Gate:
    """Raises ConfigError where the gate is not for the task."""
    config = {**_composed(name), "experts": _node("experts", EXPERTS[task])}
    gate = build_mixture(config, SHAPE, CLASSES[task], seed_init=0).gate
    check_task("gate", gate, gate.sizes)
    return gate


@cache
def _composed(gate: str) -> dict[str, Any]:
    return compose([f"gate={gate}"])


def _node(group: str, option: str) -> dict[str, Any]:
    return open_sources().node(group, option)


if __name__ == "__main__":
    print(table(), end="")
