"""The words for a run's target: its classes, or in regression its name and the groups of its values."""

from dataclasses import dataclass

import numpy as np

from moe_lab.metrics.arrays import ClassArrays, NumberArrays
from moe_lab.metrics.bins import bin_edges
from moe_lab.store.run import Run


@dataclass(frozen=True)
class Target:
    """The words for a run's target.

    ``one`` is the word for a group of the target: "class", "branch" (a known component) or "tenth of y"; ``names`` are
    those of the groups. ``name`` is the target's name with its unit in regression, "" in classification.
    ``high_on_top`` is True if the groups are ranges of numbers.
    """

    one: str
    names: list[str]
    name: str = ""
    high_on_top: bool = False


def target_of(run: Run, arrays: ClassArrays | NumberArrays) -> Target:
    """The target in the run's evaluation.npz."""
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
    """Escape characters that cannot be printed, since an SVG must not have them either."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def _tenths(arrays: NumberArrays) -> list[str]:
    """The ranges of the ten bins, in the target's own unit."""
    edges = [f"{arrays.target_mean + arrays.target_sd * edge:.3g}" for edge in bin_edges(arrays.label_N)]
    between = [f"{low} to {high}" for low, high in zip(edges[:-1], edges[1:], strict=True)]
    return [f"below {edges[0]}", *between, f"from {edges[-1]}"]
