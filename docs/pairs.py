"""Which gate goes with which objective: the table of moe_lab/experiment/pairs.py as a page.

``python -m docs.pairs > docs/pairs.md`` writes the table anew; a test says when that is due.
"""

from collections.abc import Iterable

from moe_lab.config.compose import options
from moe_lab.experiment.pairs import pairs

PROSE = """# Gates and objectives

A gate and an objective go together if the objective can teach the gate. What does not is refused when a config is
composed, before anything is written, with the reason. This table is made from those checks, with five experts and each
gate's own k (`python -m docs.pairs > docs/pairs.md`); a test keeps it up to date, and another trains every
allowed pair.

Some gates choose their objective: `gate=stochastic` alone means `objective=stochastic`, unless an override says
otherwise. How the trained mixture answers is a key of its own, `inference=mixture|argmax|sample`, and affects only
evaluation.
With one expert there is nothing to teach, and every objective is allowed that finds what it reads; a baseline has no
scores, so it takes none that teaches scores or a draw. `mixture_density` is for targets that are numbers, with experts
that predict these ([regression.md](regression.md)).
"""


def table(found: Iterable[tuple[str, str, str | None]]) -> str:
    """The whole of docs/pairs.md, from what ``pairs`` yields."""
    columns = options("objective")
    rows: dict[str, list[str]] = {}
    numbers: dict[str, int] = {}
    for gate, _, why in found:
        cell = "yes" if why is None else str(numbers.setdefault(why, len(numbers) + 1))
        rows.setdefault(gate, []).append(cell)
    lines = [PROSE, f"| gate | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}"]
    lines += [f"| {gate} | {' | '.join(cells)} |" for gate, cells in rows.items()]
    lines += ["", "Where there is a number, the objective", ""]
    lines += [f"{number}. {why}" for why, number in numbers.items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(pairs()), end="")
