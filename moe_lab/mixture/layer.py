"""A mixture layer for anybody's torch network."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import DefaultNoise
from moe_lab.layers.stacking import by_name
from moe_lab.mixture.layer_parts import layer_config, routed_experts
from moe_lab.mixture.record import Record, together
from moe_lab.parts.batch_statistics import check_scopes
from moe_lab.parts.roles import Gate, Regularizer
from moe_lab.parts.steps import tell_documents
from moe_lab.routing.decision import Routing
from moe_lab.routing.groups import DOCUMENT, documents
from moe_lab.routing.trace import Trace


class MixtureLayer(nn.Module):
    """x [..., D] -> y [..., D], y = sum_e w_e f_e(x) at every place: a layer in place of a feed-forward network.

    Parts are composed as on the command line, with the defaults of the same files. A row that no expert has gets zeros,
    so put a residual connection around the layer. Noise comes from torch's own generator, as that of
    ``torch.nn.Dropout``. See docs/layers.md.

    width:        D.
    words:        further words, such as "experts.activation=swiglu", "gate.weigh.over=all",
                  "regularizers.switch_balance.weight=0.02".
    gate:         an option of the group gate; ``moe-lab list gate`` shows them.
    experts:      how many.
    k:            experts that a row selects; None: what the gate takes.
    hidden:       width of an expert's hidden layer; None: 4 D.
    regularizers: options of the group regularizer; ``auxiliary_loss`` is their weighted sum.
    record:       keep the routing of every forward pass in evaluation, for ``trace``.

    Raises ConfigError if a word cannot be used, or the parts do not fit a layer or each other.
    """

    def __init__(
        self,
        width: int,
        *words: str,
        gate: str = "top_k",
        experts: int = 8,
        k: int | None = None,
        hidden: int | None = None,
        regularizers: Sequence[str] = (),
        record: bool = False,
    ) -> None:
        super().__init__()
        if not isinstance(width, int) or width < 1:
            raise ConfigError(f"width={width!r}: must be an integer of at least 1")
        if isinstance(regularizers, str):
            raise ConfigError(f"regularizers={regularizers!r}: must be a list of names: [{regularizers!r}]")
        given = {"gate": gate, "experts.count": experts, "experts.hidden": hidden, "k": k}
        plain = [f"{key}={value}" for key, value in given.items() if value is not None]
        config = layer_config([*plain, f"regularizer=[{','.join(regularizers)}]", *words])
        self.width = width
        self.routed, made = routed_experts(config, width)
        _check_raw(self.routed.gate)
        _check_after_step(made)
        check_scopes(made, (DOCUMENT,))
        self.regularizers = by_name(made)
        self.record = record
        self._noise = DefaultNoise()
        self._record = Record()
        self._routing: Routing | None = None
        self._auxiliary_loss: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Rows of all leading axes are routed together. Raises ValueError if the last axis has another size, or there
        is no row."""
        if x.ndim < 2 or x.shape[-1] != self.width or x.numel() == 0:
            raise ValueError(
                f"x has the shape {tuple(x.shape)}; expected at least one row of {self.width} features, "
                f"[..., {self.width}]"
            )
        x_TD = x.reshape(-1, self.width)
        *lead, places = x.shape[:-1] if x.ndim > 2 else (*x.shape[:-1], 1)
        tell_documents(self.routed.gate, places)
        output = self.routed(x_TD, self._noise)
        self._routing, self._auxiliary_loss = output.routing, None
        if self.training:
            groups = {DOCUMENT: documents(prod(lead), places, x.device)}
            step = self.routed.step(output, self._noise, groups)
            weighted = [regularizer.weight * regularizer(step) for regularizer in self.regularizers.values()]
            self._auxiliary_loss = torch.stack(weighted).sum() if weighted else None
        elif self.record:
            self._record.add(output.routing, x.shape[:-1])
        return output.y_TD.reshape(x.shape)

    @property
    def routing(self) -> Routing:
        """The gate's decision in the last forward pass, over the rows of all leading axes. Raises RuntimeError if there
        was no forward pass."""
        if self._routing is None:
            raise RuntimeError("the layer has routed nothing yet: call it first")
        return self._routing

    @property
    def auxiliary_loss(self) -> Tensor:
        """The sum of weight x regularizer in the last forward pass, to be added to the network's loss. It is zero
        without regularizers, and after a forward pass in evaluation."""
        none = next(self.routed.experts.parameters()).new_zeros(())
        return none if self._auxiliary_loss is None else self._auxiliary_loss

    def trace(self, name: str = "layer") -> Trace:
        """The routing in evaluation since ``forget``, as a trace. Raises RunError if nothing was recorded."""
        return together({name: self._record})

    def forget(self) -> None:
        """Delete the recorded routing."""
        self._record = Record()

    @staticmethod
    def auxiliary_loss_of(network: nn.Module) -> Tensor:
        """The sum of ``auxiliary_loss`` over all mixture layers of a network. Raises ValueError if it has none."""
        losses = [layer.auxiliary_loss for _, layer in _layers(network)]
        if not losses:
            raise ValueError("the network has no MixtureLayer")
        return torch.stack(losses).sum()

    @staticmethod
    def trace_of(network: nn.Module) -> Trace:
        """The trace of all recording layers of a network, each under its name in the network. Raises RunError if none
        has recorded anything, or if they recorded different numbers of rows."""
        return together({name or "layer": layer._record for name, layer in _layers(network) if layer.record})

    def __getstate__(self) -> dict[str, Any]:
        """The state for a copy, without the last routing and auxiliary loss, because tensors of a graph cannot be
        copied."""
        return {**self.__dict__, "_routing": None, "_auxiliary_loss": None}


def _layers(network: nn.Module) -> Iterator[tuple[str, MixtureLayer]]:
    return ((name, layer) for name, layer in network.named_modules() if isinstance(layer, MixtureLayer))


def _check_raw(gate: Gate) -> None:
    """Raise ConfigError for a gate that needs the network's input, which the layer does not have."""
    if "training" in gate.traits.hashes_input:
        raise ConfigError(
            "this gate hashes its input, which inside a network moves with every step, so that a row would keep no "
            "expert: take gate=top_k"
        )


def _check_after_step(regularizers: dict[str, Regularizer]) -> None:
    """Raise ConfigError for regularizers that act after the optimizer's step, which the layer does not notice."""
    for name, regularizer in regularizers.items():
        if type(regularizer).after_step is not Regularizer.after_step:
            raise ConfigError(
                f"regularizer {name} acts after the optimizer's step, of which a layer in a network of your own knows "
                f"nothing: leave {name} out"
            )
