"""The schema of the arrays in routing.npz and evaluation.npz: names, axes, kinds of numbers and values.

The writer and the readers both check against it.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from moe_lab.errors import RunError
from moe_lab.tasks import Task

Arrays = Mapping[str, np.ndarray]
#: array -> its axes and the kind of its numbers
Layout = dict[str, tuple[str, str]]

#: kind of numbers -> dtype kinds that a stored array may have
KINDS = {"integers": "iu", "floats": "f", "booleans": "b"}
GATE: Layout = {
    "probs": ("NE", "floats"),
    "weights": ("NE", "floats"),
    "selected": ("NE", "booleans"),
    "gate_logits": ("NE", "floats"),
    "expert_log_prob_true": ("NE", "floats"),
}
LAYOUTS: dict[Task, Layout] = {
    "classification": {
        "sample_index": ("N", "integers"),
        "label": ("N", "integers"),
        "prediction": ("N", "integers"),
        "log_probs": ("NC", "floats"),
        **GATE,
        "expert_prediction": ("NE", "integers"),
        "overflow": ("N", "floats"),
    },
    "regression": {
        "sample_index": ("N", "integers"),
        "label": ("N", "floats"),
        "prediction": ("N", "floats"),
        "log_density": ("N", "floats"),
        **GATE,
        "expert_mean": ("NE", "floats"),
        "expert_variance": ("NE", "floats"),
        "component": ("N", "integers"),
        "overflow": ("N", "floats"),
    },
}
OPTIONAL = {"gate_logits", "component", "overflow"}
COST = ("parameters_total", "parameters_active", "multiply_adds_total", "multiply_adds_active")
SCALE = ("target_mean", "target_sd")
DAMAGED = "the run diverged or its file is damaged"


def task_of(routing: Arrays) -> Task:
    """The task of a run, inferred from the arrays that it stored."""
    return "regression" if "log_density" in routing else "classification"


def check_arrays(routing: Arrays, evaluation: Arrays) -> None:
    """Raise RunError if an array is missing, has another shape or type, or holds what no finished run writes."""
    task = task_of(routing)
    _check_present("routing.npz", routing, LAYOUTS[task].keys() - OPTIONAL)
    _check_present("evaluation.npz", evaluation, [*COST, *(SCALE if task == "regression" else ())])
    _check_layout(routing, LAYOUTS[task])
    for name in ("probs", "weights"):
        if not (np.isfinite(routing[name]).all() and (routing[name] >= 0).all()):
            raise RunError(f"{name} holds NaN, infinite or negative numbers: {DAMAGED}")
    (_check_classes if task == "classification" else _check_numbers)(routing, evaluation)


def check_written(routing: Arrays, evaluation: Arrays) -> None:
    """Check arrays before they are written: as ``check_arrays``, and routing.npz has no array outside the schema.
    Raises RunError as ``check_arrays`` does, and TypeError for an array that is not in the schema."""
    check_arrays(routing, evaluation)
    if unknown := sorted(routing.keys() - LAYOUTS[task_of(routing)].keys()):
        raise TypeError(f"routing.npz: {', '.join(unknown)} has no place in moe_lab/store/schema.py")


def _check_present(file: str, arrays: Arrays, names: Iterable[str]) -> None:
    missing = sorted(set(names) - arrays.keys())
    if missing:
        raise RunError(f"{file} lacks {', '.join(missing)}: train the run again with this version of moe-lab")


def _check_layout(routing: Arrays, layout: Layout) -> None:
    sizes: dict[str, int] = {}
    for name, (axes, kind) in layout.items():
        array = routing.get(name)
        if array is None:
            continue
        if array.ndim != len(axes) or array.dtype.kind not in KINDS[kind]:
            raise RunError(f"{name} should be ({', '.join(axes)}) {kind}, but is {array.shape} {array.dtype}")
        for axis, size in zip(axes, array.shape, strict=True):
            if sizes.setdefault(axis, size) != size:
                raise RunError(f"{name} has {size} along {axis}, the arrays before it {sizes[axis]}")
    if not all(sizes.values()):
        raise RunError(f"the test split is empty: {', '.join(f'{axis}={size}' for axis, size in sizes.items())}")


def _check_classes(routing: Arrays, evaluation: Arrays) -> None:
    classes = routing["log_probs"].shape[1]
    for name in ("label", "prediction", "expert_prediction"):
        if routing[name].min() < 0 or routing[name].max() >= classes:
            raise RunError(f"{name} holds classes outside 0 .. {classes - 1}")
    if np.isnan(routing["log_probs"]).any():
        raise RunError(f"log_probs holds NaN: {DAMAGED}")


def _check_numbers(routing: Arrays, evaluation: Arrays) -> None:
    for name in ("label", "prediction", "expert_mean", "expert_variance"):
        if not np.isfinite(routing[name]).all():
            raise RunError(f"{name} holds NaN or infinite numbers: {DAMAGED}")
    if np.isnan(routing["log_density"]).any():
        raise RunError(f"log_density holds NaN: {DAMAGED}")
    if "component" not in routing:
        return
    _check_present("evaluation.npz", evaluation, ["component_names"])
    components, found = len(evaluation["component_names"]), routing["component"]
    if found.min() < 0 or found.max() >= components:
        raise RunError(f"component holds components outside 0 .. {components - 1}")
