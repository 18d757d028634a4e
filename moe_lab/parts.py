"""The roles that parts play. A part is written for one run, over trailing axes (docs/add-a-part.md has the rules).

A part's positional argument ``sizes`` comes from the engine; its keyword-only arguments are its config, and their
types and ranges are checked when a config is composed. Numbers that may differ between the runs of a stack are kept
with ``layers.hyper``; everything else is structure. What parts demand of each other they declare as properties here,
and moe_lab/mixture.py checks them before anything is trained.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from moe_lab.layers import Linear, hyper, log_softmax, stack
from moe_lab.noise import Noise
from moe_lab.ranges import Count
from moe_lab.routing import ExpertOutput, MixtureOutput, Routing

Combine = Literal["probabilities", "logits"]
Config = dict[str, Any]


@dataclass(frozen=True)
class Sizes:
    """The sizes that the engine gives to every part.

    shape:   of one sample, (channels, height, width) or (features,); inputs arrive flattened to D features.
    classes: C.  experts: E.  k: how many experts are selected for a sample, 1 <= k <= E.
    hidden:  H, the width of the experts' last hidden layer; None where they have none.
    """

    shape: tuple[int, ...]
    classes: int
    experts: int
    k: int
    hidden: int | None = None

    @property
    def features(self) -> int:
        """D."""
        return prod(self.shape)


class Body(nn.Module):
    """A network without its last layer: x_BD -> features [..., B, ``width``] before their ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, x_BD: Tensor) -> Tensor: ...


class Classifier(nn.Module):
    """A body with a linear layer on top, one plain expert: x_BD -> (features before their ReLU, logits_BC)."""

    def __init__(self, body: Body, classes: int) -> None:
        super().__init__()
        self.body = body
        self.output = Linear(body.width, classes)

    def forward(self, x_BD: Tensor) -> tuple[Tensor, Tensor]:
        hidden_BH = self.body(x_BD)
        return hidden_BH, self.output(hidden_BH.relu())


class Experts(nn.Module):
    """A bank of E experts, made from one plain network by stacking its parameters along E.

    ``network`` builds one expert, for example a Classifier: a module x [..., B, D] -> (hidden [..., B, H] before its
    ReLU or None, logits [..., B, C]). ``hidden_features`` is H, or None for experts without a hidden layer.
    """

    def __init__(self, count: int, network: Callable[[], nn.Module], hidden_features: int | None) -> None:
        super().__init__()
        self.count = count
        self.hidden_features = hidden_features
        self.bank = stack([network() for _ in range(count)])

    def forward(self, x_BD: Tensor) -> ExpertOutput:
        hidden_EBH, logits_EBC = self.bank(x_BD.unsqueeze(-3))
        log_probs_BEC = log_softmax(logits_EBC).transpose(-3, -2)
        return ExpertOutput(log_probs_BEC, None if hidden_EBH is None else hidden_EBH.transpose(-3, -2))


class Gate(nn.Module):
    """Maps inputs, and where it says so the experts' hidden features, to a Routing. It never runs experts.

    ``k`` is the number of selected experts that the gate takes where the config's ``k`` is null (null here: all of
    them); ``combine`` the rule by which experts are combined (null: what fits the gate and k, which
    ``mixture.combine_rule`` finds).
    """

    #: the gate reads the experts' hidden features, so all experts run for every sample, whatever k is
    needs_hidden: bool = False
    #: every sample selects exactly k experts; False where their number is learned, or follows from the batch
    selects_k: bool = True
    #: a row depends on its batch-mates, as the gate stands: in training, or in evaluation
    batch_dependent: bool = False
    #: experts see slots, mixtures of a sample's parts that the gate makes (moe_lab/slots.py), in place of samples
    makes_slots: bool = False
    #: names of the extras that its routing always has
    extras: frozenset[str] = frozenset()

    def __init__(self, sizes: Sizes, *, k: int | None, combine: Combine | None) -> None:
        super().__init__()
        self.sizes = sizes
        self.combine = combine

    @classmethod
    def expert_shape(cls, options: Config, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of what an expert sees, from the gate's options and the shape of a sample."""
        return shape

    @property
    @abstractmethod
    def rows_sum_to_one(self) -> bool:
        """Whether every row of ``weights_BE`` sums to one."""

    @property
    def usable_k(self) -> range:
        """The values of k that the gate can use."""
        return range(1, self.sizes.experts + 1)

    @abstractmethod
    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing: ...


class Score(nn.Module):
    """First step of a composed gate: inputs -> logits_BE."""

    needs_hidden: bool = False

    @abstractmethod
    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Tensor: ...


class Select(nn.Module):
    """Second step of a composed gate: logits_BE -> chosen_BE (bool), the experts that are weighed."""

    #: as the gate's; ``extras`` are those that ``keep`` gives
    extras: ClassVar[frozenset[str]] = frozenset()
    selects_k: ClassVar[bool] = True
    batch_dependent: bool = False

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes

    @property
    def usable_k(self) -> range:
        return range(1, self.sizes.experts + 1)

    @abstractmethod
    def forward(self, logits_BE: Tensor, noise: Noise) -> Tensor: ...

    def keep(self, logits_BE: Tensor, chosen_BE: Tensor, noise: Noise) -> tuple[Tensor, dict[str, Tensor]]:
        """Which chosen experts keep the sample after they are weighed, and the routing's extras; here all, and none."""
        return chosen_BE, {}


class Weigh(nn.Module):
    """Third step of a composed gate: logits_BE and selected_BE -> (probs_BE, weights_BE, log_weights_BE).

    ``log_weights_BE`` is -inf where an expert is not selected; None where rows of weights do not sum to one. A part
    may say in ``resolved`` what options that are null mean here, so that aliases have one key.
    """

    #: the weight of a chosen expert may be zero; then it is not selected
    sparse: ClassVar[bool] = False

    @property
    @abstractmethod
    def rows_sum_to_one(self) -> bool: ...

    @abstractmethod
    def forward(self, logits_BE: Tensor, selected_BE: Tensor) -> tuple[Tensor, Tensor, Tensor | None]: ...


@dataclass(frozen=True)
class Step:
    """Everything an objective, a regularizer or a controller may look at during one training step."""

    x_BD: Tensor
    y_B: Tensor
    output: MixtureOutput
    gate: Gate
    experts: Experts
    noise: Noise


class SteppedGate(Gate):
    """A gate of three small steps: score, select, weigh. What the steps declare holds for the gate.

    score:   inputs (and hidden features, where it needs them) -> logits_BE.
    select:  logits_BE -> selected_BE.
    weigh:   logits_BE, selected_BE -> probs_BE (before selection), weights_BE and log_weights_BE.
    k:       experts a sample where the config's k is null; null here: all of them.
    combine: "probabilities" or "logits"; null: resolved from the gate and k when the config is composed.
    """

    def __init__(
        self,
        sizes: Sizes,
        *,
        score: Score,
        select: Select,
        weigh: Weigh,
        k: Count | None = None,
        combine: Combine | None = None,
    ) -> None:
        super().__init__(sizes, k=k, combine=combine)
        self.score = score
        self.select = select
        self.weigh = weigh
        self.needs_hidden = score.needs_hidden
        self.extras = self.extras | select.extras
        self.make_layers()

    def make_layers(self) -> None:
        """Layers of the gate's own, besides those of its steps; here none."""

    @property
    def rows_sum_to_one(self) -> bool:
        return self.weigh.rows_sum_to_one and self.select.selects_k

    @property
    def usable_k(self) -> range:
        return self.select.usable_k

    @property
    def selects_k(self) -> bool:
        return self.select.selects_k and not self.weigh.sparse

    @property
    def batch_dependent(self) -> bool:
        return self.select.batch_dependent

    def route(self, logits_BE: Tensor, noise: Noise) -> Routing:
        """Select and weigh: the experts that are chosen are weighed, then those are left out that are not kept."""
        chosen_BE = self.select(logits_BE, noise)
        probs_BE, weights_BE, log_weights_BE = self.weigh(logits_BE, chosen_BE)
        kept_BE, extras = self.select.keep(logits_BE, chosen_BE, noise)
        if kept_BE is not chosen_BE:
            weights_BE, log_weights_BE = weights_BE.masked_fill(~kept_BE, 0.0), None
        selected_BE = kept_BE & (weights_BE > 0) if self.weigh.sparse else kept_BE
        return Routing(probs_BE, weights_BE, selected_BE, log_weights_BE, logits_BE, extras)


class Baseline(ABC):
    """What stands in for the mixture: a bank of one expert, without a gate."""

    @abstractmethod
    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts | None:
        """The one expert that stands in for the mixture of ``experts`` and ``gate``, built from ``config``; None where
        the mixture stays. Raises ConfigError where the config has no such baseline."""


class Alone(Gate):
    """The gate of one expert: weight one, nothing to learn."""

    rows_sum_to_one = True

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes, k=None, combine=None)

    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing:
        ones_B1 = torch.ones_like(x_BD[..., :1])
        return Routing(ones_B1, ones_B1, ones_B1 > 0, log_weights_BE=torch.zeros_like(ones_B1))


class Objective(nn.Module):
    """Step -> loss of every sample in nats, [..., B]."""

    #: refuses gates whose rows of weights do not sum to one
    needs_distribution: ClassVar[bool] = False

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...


class Regularizer(nn.Module):
    """Step -> raw value [...]; what is added to the loss is ``weight`` times it. Both are logged."""

    #: refuses mixtures of fewer experts
    least_experts: ClassVar[int] = 1
    #: refuses gates whose routing lacks these extras
    needs_extras: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = hyper(weight)

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...
