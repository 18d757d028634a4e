"""The roles that parts play. A part is written for one run, over trailing axes (docs/add-a-part.md has the rules).

A part's positional argument ``sizes`` comes from the engine; its keyword-only arguments are its config, and their
types and ranges are checked when a config is composed. Numbers that may differ between the runs of a stack are kept
with ``layers.hyper``; everything else is structure. What parts demand of each other they declare here, and
moe_lab/parts/checks.py looks at it before anything is trained.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from moe_lab.layers.linear import Linear, log_softmax
from moe_lab.layers.noise import Noise
from moe_lab.layers.stacking import bank, count_parameters, hyper
from moe_lab.parts.sizes import Sizes as Sizes
from moe_lab.routing.decision import Routing
from moe_lab.routing.outputs import ExpertOutput, GaussianExpertOutput, GaussianMixtureOutput, MixtureOutput
from moe_lab.routing.pairs import Pairs
from moe_lab.tasks import Task

Combine = Literal["probabilities", "logits"]
Config = dict[str, Any]
Labelled = tuple[Tensor, Tensor]  # x_ND and y_N of some samples
LearnsFrom = Literal["prediction", "scores", "draw", "nothing"]
#: a parameter -> by what the optimizer's last step multiplied its (averaged) gradient; broadcasts to the parameter
StepSizes = Callable[[nn.Parameter], Tensor]


class Body(nn.Module):
    """A network without its last layer: x_BD -> features [..., B, ``width``] before their ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(self, x_BD: Tensor) -> Tensor: ...


class Experts(nn.Module):
    """A bank of E experts, made from one plain network by stacking its parameters along E.

    ``network`` builds one expert, for example a networks.classifier.Classifier: x [..., B, D] -> (hidden [..., B, H]
    before its ReLU or None, logits [..., B, C]). ``hidden_features`` is H, or None for experts without a hidden layer.
    Experts for numbers say so in ``task``, and make of their networks' last layer what they predict in ``output``.
    """

    task: ClassVar[Task] = "classification"
    #: the network is made of ``layers.Linear`` and ``relu`` alone, so that it can run on selected samples only
    runs_sparse: ClassVar[bool] = False
    #: they are fitted (``fit``) after every epoch; those without parameters have one epoch, without steps
    needs_fitting: ClassVar[bool] = False

    def __init__(self, count: int, network: Callable[[], nn.Module], hidden_features: int | None) -> None:
        super().__init__()
        self.count = count
        self.hidden_features = hidden_features
        self.bank = bank(network, count)

    def forward(self, x_BD: Tensor) -> ExpertOutput | GaussianExpertOutput:
        hidden_EBH, last_EBO = self.bank(x_BD.unsqueeze(-3))
        return self.output(last_EBO, None if hidden_EBH is None else hidden_EBH.transpose(-3, -2))

    @property
    def parameter_count(self) -> int:
        """How many numbers training chooses."""
        return count_parameters(self)

    def fit(self, training: Labelled, held_out: Labelled) -> None:
        """Fit beside the gradient, or without one, to the training and the validation split."""

    def selected(self, x_BD: Tensor, pairs: Pairs) -> ExpertOutput | GaussianExpertOutput:
        """What the selected experts alone give, over the K places of ``pairs`` in place of the E experts."""
        _, last = self.bank(pairs.rows(x_BD))
        return self.output(pairs.spread(last).transpose(-3, -2), None)

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ExpertOutput | GaussianExpertOutput:
        """What the experts predict, from the outputs of their networks [..., E, B, O]; here O = C logits."""
        return ExpertOutput(log_softmax(last_EBO).transpose(-3, -2), hidden_BEH)


class Gate(nn.Module):
    """Maps inputs, and where it says so the experts' hidden features, to a Routing. It never runs experts.

    ``k`` is how many experts it selects where the config's ``k`` is null (null here: all of them), ``combine`` the rule
    by which they are combined (null: the one that fits the gate and k, which ``checks.combine_rule`` finds).
    """

    #: the gate reads the experts' hidden features, so all experts run for every sample, whatever k is
    needs_hidden: bool = False
    #: it is given the experts' log-probabilities [..., B, E, C] in place of their hidden features
    needs_outputs: ClassVar[bool] = False
    #: it is fitted (``fit``) after every epoch
    needs_fitting: ClassVar[bool] = False
    #: the one task that the gate can serve; None: it does not look at targets
    task: ClassVar[Task | None] = None
    #: experts see slots instead of samples: mixtures of a sample's parts that the gate makes (moe_lab/routing/slots.py)
    makes_slots: bool = False
    #: weights of experts that are not selected are zero but carry a gradient, which reads what those experts say
    straight_through: ClassVar[bool] = False
    #: its routing has ``logits_BE``
    gives_logits: bool = True
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
    def selects_k(self) -> bool:
        """Whether every sample selects exactly k experts: not where their number is learned, or the batch's."""
        return True

    @property
    @abstractmethod
    def rows_sum_to_one(self) -> bool:
        """Whether every row of ``weights_BE`` sums to one."""

    @property
    def usable_k(self) -> range:
        """The values of k that the gate can use."""
        return range(1, self.sizes.experts + 1)

    @property
    def batch_dependent(self) -> bool:
        """Whether a row depends on its batch-mates, as the gate stands: in training, or in evaluation."""
        return False

    @property
    def learns_from(self) -> LearnsFrom:
        """What teaches the gate: the mixture's "prediction", through the weights; an objective's own term for its
        "scores", where the weights carry no gradient; the loss of the expert that it drew ("draw"); or "nothing"."""
        return "prediction" if count_parameters(self) else "nothing"

    @property
    def mixes(self) -> bool:
        """Whether every row of weights is a distribution over the experts that at least two can share."""
        return self.rows_sum_to_one and (self.sizes.k >= 2 or self.sizes.experts == 1)

    def fit(self, x_ND: Tensor, right_NE: Tensor) -> None:
        """Take note of samples that training does not use, and which experts classify them rightly (bool)."""

    @property
    def head(self) -> Linear | None:
        """The linear layer that gives the logits, one column an expert; None where there is no such layer."""
        return None

    def without(self, routing: Routing, expert: int, noise: Noise) -> Routing:
        """What the gate decides in evaluation where one of several experts is not there, given what it decided with
        it: it selects again among the others and weighs them. Here, for gates that weigh every expert, the others keep
        their shares. Not for gates whose rows depend on their batch-mates."""
        return routing.without(expert)

    @abstractmethod
    def forward(self, x_BD: Tensor, hidden_BEH: Tensor | None, noise: Noise) -> Routing: ...


@dataclass(frozen=True)
class Step:
    """Everything an objective, a regularizer or a controller may look at during one training step."""

    x_BD: Tensor
    y_B: Tensor
    output: MixtureOutput | GaussianMixtureOutput
    #: the routing that regularizers and controllers read
    routing: Routing
    gate: Gate
    experts: Experts
    noise: Noise
    #: what a recipe adds for its objective, by name
    added: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def hidden_BEH(self) -> Tensor:
        """The last hidden layer of every expert, before its ReLU."""
        return self.output.expert_hidden_BEH


class Objective(nn.Module):
    """Step -> loss of every sample in nats, [..., B]."""

    #: the one task that the objective can serve; None: both
    task: ClassVar[Task | None] = "classification"
    #: refuses gates whose rows of weights are no distribution over at least two experts
    needs_distribution: ClassVar[bool] = False
    #: reads what experts say of samples that did not select them (or moves their parameters), so that all must run
    needs_every_expert: bool = False
    #: the ways of learning (``Gate.learns_from``) that it serves
    teaches: ClassVar[frozenset[LearnsFrom]] = frozenset({"prediction", "nothing"})
    #: refuses gates that select more experts for a sample
    largest_k: ClassVar[int | None] = None
    #: refuses gates whose routing lacks these extras
    needs_extras: ClassVar[frozenset[str]] = frozenset()

    @property
    def alias(self) -> Config | None:
        """Another node that means the same where the gate mixes probabilities, so that both have one key."""
        return None

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...


class Regularizer(nn.Module):
    """Step -> raw value [...]; what is added to the loss is ``weight`` times it. Both are logged.

    ``weight`` is a number of the config (``hyper``), or a persistent buffer that the regularizer moves itself.
    """

    #: the one task that the regularizer can serve; None: it does not look at targets
    task: ClassVar[Task | None] = None
    #: refuses mixtures of fewer experts
    least_experts: ClassVar[int] = 1
    #: refuses gates whose routing lacks these extras
    needs_extras: ClassVar[frozenset[str]] = frozenset()
    #: reads what experts say of samples that did not select them (or moves their parameters), so that all must run
    needs_every_expert: ClassVar[bool] = False

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = hyper(weight)

    def misfit(self, gate: Gate) -> str | None:
        """What it lacks in this gate, to stand between "needs" and ", or leave it out"; None where it fits."""
        return None

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...

    def after_step(self, step: Step, step_sizes: StepSizes) -> None:
        """Called without gradient after the optimizer's step: proximal maps, numbers that are steered."""

    def readings(self) -> dict[str, Tensor]:
        """Numbers of its own for the history, each [...], besides the raw and the weighted value."""
        return {}
