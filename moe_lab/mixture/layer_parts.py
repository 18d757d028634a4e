"""Building the parts of a mixture layer from words or a config."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

from moe_lab.config.build import build, class_of
from moe_lab.config.check import check
from moe_lab.config.compose import compose, parse
from moe_lab.config.layered import ANY_NETWORK
from moe_lab.config.plugins import loaded_plugins
from moe_lab.config.ranges import Count
from moe_lab.errors import ConfigError
from moe_lab.layers.stacking import keep_buffers
from moe_lab.mixture.dispatch import Dispatch, why_dense
from moe_lab.mixture.dispatch import check as check_dispatch
from moe_lab.mixture.dispatchers import for_every_expert
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.mixture.sharded import for_selected
from moe_lab.parts.checks import check_k, chosen_k, lack
from moe_lab.parts.controller import Controller
from moe_lab.parts.layer_checks import check_experts, check_layer
from moe_lab.parts.reasons import Unfit
from moe_lab.parts.roles import Config, Experts, Gate, Regularizer
from moe_lab.parts.sizes import Sizes


@dataclass(frozen=True, kw_only=True)
class LayerOptions:
    """The groups and keys of a config that apply to a mixture layer."""

    experts: Experts
    gate: Gate
    regularizers: dict[str, Regularizer] = field(default_factory=dict)
    k: Count | None = None


_KEYS = tuple(one.name for one in fields(LayerOptions))
#: allowed beginnings of a layer's words
_GROUPS = (*_KEYS, "regularizer")


def layer_config(words: Sequence[str]) -> Config:
    """The part of a composed config that applies to a mixture layer: experts, gate, k and regularizers, all checked.

    The defaults are those of a network: the experts are ``ffn``, and a gate whose own score is ``network`` takes
    ``linear``. Raises ConfigError for words that cannot be used, or that concern something else.
    """
    for key in (parse(word).key for word in words):
        if key.partition(".")[0].partition("/")[0] not in _GROUPS:
            raise ConfigError(f"{key}: a mixture layer takes words that begin with {', '.join(sorted(_GROUPS))}")
    composed = compose([ANY_NETWORK, *words])
    config = {key: composed[key] for key in _KEYS}
    check(config, LayerOptions, loaded_plugins())
    return config


def routed_experts(
    config: Config, width: int, places: int = 1, dispatch: Dispatch = "auto"
) -> tuple[RoutedExperts, dict[str, Regularizer]]:
    """Build the mixture layer of a config, and its regularizers, with random numbers of torch's generator
    (``moe_lab.layers.noise.seeded`` seeds it by name).

    config:   ``layer_config``'s, or a whole one.
    width:    D, of the layer's inputs and outputs.
    places:   how many rows side by side are one document, if that is known.
    dispatch: how rows reach the experts; "auto": the selected ones alone, if every part allows it.
    Raises ConfigError if parts do not fit a layer, or each other.
    """
    family = class_of(config["experts"])
    check_experts(family)
    m = family.fineness(config["experts"])
    sizes = Sizes((width,), 0, m * family.offered(config["experts"]), m * chosen_k(config), places=places)
    experts = build(config["experts"], sizes)
    sizes = replace(sizes, hidden=experts.hidden_features, idle=experts.count - experts.computing)
    gate = build(config["gate"], sizes)
    check_k(gate)
    regularizers = {name: build(node, sizes) for name, node in config["regularizers"].items()}
    check_layer(gate, regularizers)
    reason = why_dense(experts, gate, None, regularizers)
    check_dispatch(dispatch, reason)
    sparse = reason is None and dispatch != "dense"
    return RoutedExperts(experts, gate, for_selected() if sparse else for_every_expert(gate)), regularizers


def controllers_of(config: Config, gate: Gate) -> dict[str, Controller]:
    """The controllers of a whole config for the gate of one layer. Raises ConfigError if one does not fit it."""
    controllers = {name: build(node, gate.sizes) for name, node in config.get("controllers", {}).items()}
    for name, controller in controllers.items():
        if reason := lack(controller, gate):
            raise Unfit(f"controller {name}", reason, f"leave {name} out")
        if controller.steers:
            keep_buffers(gate, controller.steers)
    return controllers
