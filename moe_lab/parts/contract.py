"""The contract of a gate's routing and of a regularizer's value, checked on one batch."""

from collections.abc import Iterator

import torch
from torch import Tensor

from moe_lab.errors import ConfigError
from moe_lab.parts.roles import Gate, Regularizer
from moe_lab.routing.decision import Routing

#: how far from 1 the sum of a row may be in float32
_ROUNDED = 1e-3


def check_routing(name: str, gate: Gate, x_BD: Tensor, routing: object) -> None:
    """Raise ConfigError, which begins with ``name``, if a gate's decision about a batch is not what its role and its
    traits promise: shapes, types, finite values, sums of rows, and the number of selected experts."""
    if type(gate).forward is Gate.forward:
        raise ConfigError(f"{name} has no method forward, which gives a Routing")
    if not isinstance(routing, Routing):
        raise ConfigError(f"{name}: forward gives {_article(routing)}; expected a Routing")
    for fault in _faults(gate, (*x_BD.shape[:-1], gate.sizes.experts), routing):
        raise ConfigError(f"{name}: {fault}")


def check_value(name: str, regularizer: Regularizer, value: object) -> None:
    """Raise ConfigError, which begins with ``name``, if a regularizer's value for a batch of one run is not one finite
    number with a gradient. One that acts after the optimizer's step needs no gradient."""
    if type(regularizer).forward is Regularizer.forward:
        raise ConfigError(f"{name} has no method forward, which gives its value")
    if not isinstance(value, Tensor):
        raise ConfigError(f"{name}: forward gives {_article(value)}; expected a tensor")
    if value.shape or not value.is_floating_point():
        raise ConfigError(f"{name}: forward gives {_described(value)}; expected one floating-point number, of shape ()")
    if not value.isfinite():
        raise ConfigError(f"{name}: forward gives {value.item()} for a first batch; expected a finite number")
    acts = type(regularizer).after_step is not Regularizer.after_step
    if not value.requires_grad and not acts:
        raise ConfigError(
            f"{name}: forward gives a value without gradient, which would have no effect: leave out .detach(), .item() "
            "and torch.no_grad()"
        )


def _faults(gate: Gate, shape: tuple[int, ...], routing: Routing) -> Iterator[str]:
    """What is wrong with a routing, the first fault first; a later one is found only if there is none before it."""
    traits, selected_BE = gate.traits, routing.selected_BE
    yield from _wrong_types(shape, routing)
    yield from _not_finite(routing)
    yield from _missing(gate, routing)
    if (routing.weights_BE[~selected_BE] != 0).any():
        yield "weights_BE is not zero for experts that are not selected"
    yield from _wrong_sum("probs_BE", routing.probs_BE, "as those of every gate do")
    if traits.rows_sum_to_one:
        yield from _wrong_sum("weights_BE", routing.weights_BE, "as its traits have rows_sum_to_one=True")
    count_B = selected_BE.sum(-1)
    if traits.selects_k and (count_B != gate.sizes.k).any():
        found = int(count_B[count_B != gate.sizes.k][0])
        why = 'as its traits have active="k"'
        yield f"selected_BE selects {found} experts for a sample; expected k={gate.sizes.k}, {why}"


def _wrong_types(shape: tuple[int, ...], routing: Routing) -> Iterator[str]:
    for name, value in _fields(routing).items():
        if not isinstance(value, Tensor):
            yield f"{name} is {_article(value)}; expected a tensor"
        elif value.shape != shape:
            yield f"{name} has the shape {tuple(value.shape)}; expected {shape}"
        elif name == "selected_BE" and value.dtype != torch.bool:
            yield f"{name} is of {value.dtype}; expected torch.bool"
        elif name != "selected_BE" and not value.is_floating_point():
            yield f"{name} is of {value.dtype}; expected floating-point numbers"


def _not_finite(routing: Routing) -> Iterator[str]:
    """A logarithm of a weight may be -inf, and so may the logit of an expert that can never be selected."""
    for name, value in _fields(routing).items():
        wrong = value.isnan() | (value == torch.inf) if "log" in name else ~value.isfinite()
        if wrong.any():
            yield f"{name} has {value[wrong][0].item()} for a first batch; expected finite numbers"


def _missing(gate: Gate, routing: Routing) -> Iterator[str]:
    traits = gate.traits
    if (routing.logits_BE is not None) != traits.gives_logits:
        has = "no logits_BE" if traits.gives_logits else "logits_BE"
        yield f"the routing has {has}, and its traits have gives_logits={traits.gives_logits}"
    if lacking := sorted(traits.extras - routing.extras.keys()):
        yield f"the routing has no extra {lacking[0]}, which is in extras of its traits"
    if gate.mixes and routing.log_weights_BE is None:
        yield "the routing has no log_weights_BE, which a gate gives whose rows of weights sum to one"


def _wrong_sum(name: str, value_BE: Tensor, why: str) -> Iterator[str]:
    sum_B = value_BE.sum(-1)
    wrong_B = (sum_B - 1).abs() > _ROUNDED
    if wrong_B.any():
        yield f"a row of {name} sums to {sum_B[wrong_B][0].item():.4g}; expected 1, {why}"


def _fields(routing: Routing) -> dict[str, Tensor]:
    """The tensors with an axis of experts: those that every gate gives, and of the others those that are there."""
    always = {"probs_BE": routing.probs_BE, "weights_BE": routing.weights_BE, "selected_BE": routing.selected_BE}
    others = {"log_weights_BE": routing.log_weights_BE, "logits_BE": routing.logits_BE}
    return always | {name: value for name, value in others.items() if value is not None}


def _described(value: Tensor) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}"


def _article(value: object) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
