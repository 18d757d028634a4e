"""The choice of dispatch in training: "dense" runs all experts on every sample, "sparse" only the selected ones.

Both give the same values and gradients, so the choice affects only time and memory.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from moe_lab.errors import ConfigError
from moe_lab.layers.measured import Measured
from moe_lab.layers.stacking import count_parameters
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Experts, Gate, Objective, Regularizer

Dispatch = Literal["auto", "dense", "sparse"]

#: times of both at some shapes (benchmarks/dispatch_table.py writes the file)
TABLE = Measured(
    Path(__file__).with_name("dispatch.csv"), ("device",), ("batch", "experts", "k", "parameters"), "dense_over_sparse"
)


def why_all_learn(gate: Gate, objective: Objective | None, regularizers: Mapping[str, Regularizer]) -> Reason | None:
    """Why a step gives every expert a gradient, selected or not; None if experts that no sample of the batch selected
    get none. ``objective`` is None for a mixture layer."""
    sizes = gate.sizes
    if gate.traits.reads_experts:
        return Reason("this gate reads what every expert computed")
    if gate.traits.makes_slots:
        return Reason("this gate gives every expert slots to work on")
    if gate.traits.selects_k and sizes.k == sizes.experts:
        return Reason(f"k={sizes.k} selects every expert")
    if objective is not None and objective.needs_every_expert:
        return Reason(f"objective {type(objective).__name__} reads every expert")
    reading = [name for name, regularizer in regularizers.items() if regularizer.needs_every_expert]
    return Reason(f"regularizer {reading[0]} reads every expert") if reading else None


def why_dense(
    experts: Experts, gate: Gate, objective: Objective | None, regularizers: Mapping[str, Regularizer]
) -> Reason | None:
    """Why all experts must run; None if running the selected ones is enough."""
    reason = why_all_learn(gate, objective, regularizers)
    if reason is None and gate.traits.straight_through:
        return Reason("the gradient of this gate reads experts that are not selected")
    if reason is None and not experts.runs_sparse:
        return Reason(f"experts {type(experts).__name__} have no sparse form")
    return reason


def check(dispatch: Dispatch, reason: Reason | None) -> None:
    """Raise ConfigError if sparse dispatch is requested and there is a reason against it."""
    if dispatch == "sparse" and reason is not None:
        raise ConfigError(f"trainer.dispatch=sparse does not fit: {reason.lacks}; take trainer.dispatch=auto")


def faster(device: str, batch: int, experts: Experts, k: int) -> Literal["dense", "sparse"]:
    """The faster dispatch at the nearest measured shape; dense for a kind of device that was not measured.

    Nearest means in the batch size, E, k and an expert's parameters, which are about the multiply-adds of one sample.
    """
    work = count_parameters(experts) // experts.count
    ratio = TABLE.nearest([device], [batch, experts.count, k, work])
    return "sparse" if ratio is not None and ratio > 1 else "dense"
