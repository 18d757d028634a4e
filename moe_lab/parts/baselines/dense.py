"""A dense network of the mixture's size."""

from typing import Any, Literal

import torch

from moe_lab.config.build import build
from moe_lab.parts import Baseline, Config, ConfigError, Experts, Gate, count_parameters

#: names of experts' options that are widths
WIDTHS = ("hidden", "filters")
#: names of experts' options that count experts without a network
IDLE = ("zero", "copy", "constant")


class Dense(Baseline):
    """One expert, its widths scaled by one factor so that its number of parameters is closest to the mixture's.

    parameters: "total", or "active": those used for one sample (the gate's, and k experts').
    count_gate: whether the gate's parameters count.
    Raises ConfigError for experts without a width to scale.
    """

    def __init__(self, *, parameters: Literal["total", "active"] = "total", count_gate: bool = True) -> None:
        self._parameters = parameters
        self._count_gate = count_gate

    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts:
        node = {**config["experts"], "count": 1, **{name: 0 for name in IDLE if name in config["experts"]}}
        if not any(name in node for name in WIDTHS):
            raise ConfigError(
                "a dense baseline widens the experts' hidden layers, and these have none: "
                "take experts=mlp (gaussian in regression)"
            )
        target = self._target(experts, gate)
        low, high = 0.0, 1.0
        while _parameters(node, high, gate) < target:
            low, high = high, 2 * high
        for _ in range(30):
            middle = (low + high) / 2
            low, high = (middle, high) if _parameters(node, middle, gate) < target else (low, middle)
        factor = min(low, high, key=lambda one: abs(_parameters(node, one, gate) - target))
        return build(_scaled(node, factor), gate.sizes)

    def _target(self, experts: Experts, gate: Gate) -> int:
        active = self._parameters == "active" and not gate.traits.reads_experts
        running = min(gate.sizes.k, experts.computing) if active else experts.computing
        of_gate = count_parameters(gate) if self._count_gate else 0
        return of_gate + count_parameters(experts.bank) // experts.computing * running


def _parameters(node: dict[str, Any], factor: float, gate: Gate) -> int:
    # without memory or random numbers, since the search builds some thirty networks
    with torch.device("meta"):
        return count_parameters(build(_scaled(node, factor), gate.sizes))


def _scaled(node: dict[str, Any], factor: float) -> dict[str, Any]:
    def scale(width: int) -> int:
        return max(round(width * factor), 1)

    widths = {name: node[name] for name in WIDTHS if name in node}
    return {
        **node,
        **{name: scale(w) if isinstance(w, int) else [scale(one) for one in w] for name, w in widths.items()},
    }
