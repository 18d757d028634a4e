"""What a run predicted, in words: the classes, or the number and what its values are told apart by."""

from dataclasses import dataclass

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.metrics.bins import bin_edges
from moe_lab.store.run import Run


@dataclass(frozen=True)
class Target:
    """``one`` is what the choice of expert may tell about: "class", "branch" (a known component) or "tenth of y", and
    ``names`` are those of its values. ``name`` is that of the number with its unit, "" of classes; ``high_on_top`` says
    that the values are ranges of numbers."""

    one: str
    names: list[str]
    name: str = ""
    high_on_top: bool = False


def target_of(run: Run, arrays: ClassArrays | NumberArrays) -> Target:
    """What the run's evaluation.npz says of its target."""
    evaluation = run.arrays("evaluation")
    if isinstance(arrays, ClassArrays):
        names = evaluation.get("class_names", np.arange(arrays.classes))
        return Target("class", [printable(name) for name in names])
    name = printable(evaluation.get("target_name", "y"))
    if arrays.component_N is not None:
        one = printable(evaluation.get("component", "component"))
        return Target(one, [printable(name) for name in arrays.component_names], name)
    return Target("tenth of y", _tenths(arrays), name, high_on_top=True)


def printable(text: object) -> str:
    """What cannot be printed may not stand in an SVG either."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def _tenths(arrays: NumberArrays) -> list[str]:
    """The ranges of the ten bins, in the target's own unit."""
    edges = [f"{arrays.target_mean + arrays.target_sd * edge:.3g}" for edge in bin_edges(arrays.label_N)]
    between = [f"{low} to {high}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return [f"below {edges[0]}", *between, f"from {edges[-1]}"]
