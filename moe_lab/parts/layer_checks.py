"""Checks that parts fit a mixture layer, whose output is a weighted sum of its experts' values."""

from collections.abc import Mapping

from moe_lab.errors import ConfigError
from moe_lab.parts.checks import lack
from moe_lab.parts.reasons import Reason, Unfit
from moe_lab.parts.roles import Experts, Gate, Regularizer


def check_experts(experts: type[Experts]) -> None:
    """Raise ConfigError if experts cannot be those of a mixture layer."""
    if experts.predicts:
        raise ConfigError(
            f"experts {experts.__name__} output predictions, but a mixture layer sums values: take experts=ffn"
        )


def check_layer(gate: Gate, regularizers: Mapping[str, Regularizer]) -> None:
    """Raise ConfigError if a gate or a regularizer cannot be in a mixture layer, or they do not fit each other."""
    if gate.combine is not None:
        raise ConfigError(
            f"gate.combine={gate.combine} is a rule for predictions, but a mixture layer sums values: leave it null"
        )
    if reason := refusal(gate):
        raise Unfit("this gate", reason)
    for name, regularizer in regularizers.items():
        if regularizer.task is not None:
            raise ConfigError(f"regularizer {name} reads targets, and a mixture layer has none: leave {name} out")
        if reason := lack(regularizer, gate):
            raise Unfit(f"regularizer {name}", reason, f"leave {name} out")


def refusal(gate: Gate) -> Reason | None:
    """The reason why a gate cannot be in a mixture layer; None if it can."""
    if gate.traits.needs_fitting:
        why = "is fitted to which experts classify a sample correctly, and the experts of a layer predict nothing"
    elif gate.task is not None and gate.traits.reads_experts:
        why = "reads what experts predict, and the experts of a layer predict nothing"
    elif gate.learns_from not in ("prediction", "nothing"):
        why = "has weights without gradient, and a mixture layer has no objective of its own to train it"
    else:
        return None
    return Reason(why, ("take gate=top_k",), gate=lambda other: refusal(other) is None)
