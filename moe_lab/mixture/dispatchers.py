"""Dispatchers: they bring samples to the experts that run, and the experts' outputs back to the samples.

The gate decides, the dispatcher executes. All three compute the same values and gradients for a gate that they can run.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from moe_lab.errors import expect, given
from moe_lab.layers.grouped import GroupedRows
from moe_lab.layers.noise import Noise
from moe_lab.parts.roles import Computed, Experts, Gate
from moe_lab.routing.combine import Rule
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, ExpertsOutput
from moe_lab.routing.pairs import Pairs
from moe_lab.routing.values import ValueOutput

#: a dispatcher's state between ``dispatch`` and ``combine``
Way = Any


class Dispatcher(ABC):
    """``dispatch`` returns the inputs of a bank of experts, ``combine`` arranges the bank's outputs by sample.

    The *way* that ``dispatch`` returns is the state that ``combine`` and ``weights`` need for this.
    """

    #: every expert runs for every sample, so the output has the predictions of all
    every_expert: ClassVar[bool] = True
    #: experts run after the gate's decision; else they run first, and the gate may read their outputs
    follows_gate: ClassVar[bool] = True
    #: no process has all experts, so it runs in evaluation, too
    in_evaluation: ClassVar[bool] = False

    def decide(self, gate: Gate, x_BD: Tensor, noise: Noise) -> Routing:
        """The gate's decision, if it does not depend on the experts' outputs."""
        return gate(x_BD, None, noise)

    @abstractmethod
    def dispatch(self, x_BD: Tensor, routing: Routing | None) -> tuple[Tensor | GroupedRows, Way]:
        """The inputs of the bank, and the way back. ``routing`` is None only if the experts run before the gate."""

    @abstractmethod
    def combine(self, experts: Experts, computed: Computed, way: Way) -> ExpertsOutput:
        """The experts' predictions over the P places of a sample: one per expert, or one per selected expert."""

    def weights(self, routing: Routing, way: Way, rule: Rule) -> Routing:
        """The routing with the weights for ``rule`` over the P places; here these are the experts."""
        return routing


@dataclass(frozen=True)
class Dense(Dispatcher):
    """All experts run on every sample."""

    follows_gate = False

    def dispatch(self, x_BD: Tensor, routing: Routing | None) -> tuple[Tensor, None]:
        return x_BD.unsqueeze(-3), None

    def combine(self, experts: Experts, computed: Computed, way: None) -> ExpertsOutput:
        return experts.of_all(computed)


@dataclass(frozen=True)
class Sparse(Dispatcher):
    """Each sample runs on the experts that it selected. The places are its K selected experts."""

    every_expert = False

    def dispatch(self, x_BD: Tensor, routing: Routing | None) -> tuple[GroupedRows, Pairs]:
        pairs = Pairs(given(routing, "the routing").selected_BE)
        return pairs.rows(x_BD), pairs

    def combine(self, experts: Experts, computed: Computed, way: Pairs) -> ExpertsOutput:
        _, last = computed
        return experts.output(way.spread(last).transpose(-3, -2), None)

    def weights(self, routing: Routing, way: Pairs, rule: Rule) -> Routing:
        return way.narrow(routing, rule)


@dataclass(frozen=True)
class Slots(Dispatcher):
    """All experts run on slots, mixtures of a sample's parts that the gate computes. Axis: S slots of an expert.

    The routing's extras have ``slots_BESI``, the experts' inputs, and ``log_shares_BES``, logarithms of weights that
    sum to one over an expert's slots.
    """

    def dispatch(self, x_BD: Tensor, routing: Routing | None) -> tuple[Tensor, Tensor]:
        extras = given(routing, "the routing").extras
        return extras["slots_BESI"].movedim(-4, -3).flatten(-3, -2), extras["log_shares_BES"]

    def combine(self, experts: Experts, computed: Computed, way: Tensor) -> ExpertsOutput:
        output = experts.of_all(computed)
        return (output if isinstance(output, ValueOutput) else expect(ExpertOutput, output)).over_slots(way)


def for_every_expert(gate: Gate) -> Dispatcher:
    """The dispatcher that runs all experts for a gate: slots if it makes them, else dense."""
    return Slots() if gate.traits.makes_slots else Dense()
