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

from moe_lab.layers.grouped import GroupedRows
from moe_lab.layers.linear import Linear, log_softmax
from moe_lab.layers.noise import Noise
from moe_lab.layers.stacking import bank, count_parameters, hyper
from moe_lab.parts.reasons import Reason
from moe_lab.parts.sizes import Sizes as Sizes
from moe_lab.parts.traits import LearnsFrom, Mode, Traits
from moe_lab.routing.decision import Routing
from moe_lab.routing.groups import Groups
from moe_lab.routing.outputs import ExpertOutput, ExpertsOutput, GaussianMixtureOutput, MixtureOutput
from moe_lab.routing.values import LayerOutput
from moe_lab.tasks import Task

Combine = Literal["probabilities", "logits"]
Config = dict[str, Any]
Labelled = tuple[Tensor, Tensor]  # x_ND and y_N of some samples
#: hidden layers and last layers of networks, [..., E, B, H] or None and [..., E, B, O]; or both grouped by expert
Computed = tuple[Any, Any]
#: a parameter -> by what the optimizer's last step multiplied its (averaged) gradient; broadcasts to the parameter
StepSizes = Callable[[nn.Parameter], Tensor]


class Experts(nn.Module):
    """A bank of E experts, made from one plain network by stacking its parameters along E.

    ``network`` builds one expert, for example a networks.classifier.Classifier: x [..., B, D] -> (hidden [..., B, H]
    before its ReLU or None, logits [..., B, C]). ``hidden_features`` is H, or None for experts without a hidden layer.
    Experts for numbers say so in ``task``, and make of their networks' last layer what they predict in ``output``.
    """

    task: ClassVar[Task] = "classification"
    #: the network is made of ``layers.Linear`` and of functions of a row (``relu``, ``GroupedRows.map``) alone, so that
    #: it can run on selected samples only
    runs_sparse: ClassVar[bool] = False
    #: they predict the target by themselves; else they give values, and serve as the experts of a mixture layer
    predicts: ClassVar[bool] = True
    #: they are fitted (``fit``) after every epoch; those without parameters have one epoch, without steps
    needs_fitting: ClassVar[bool] = False

    def __init__(self, count: int, network: Callable[[], nn.Module], hidden_features: int | None) -> None:
        super().__init__()
        self.count = count
        self.hidden_features = hidden_features
        self.bank = bank(network, count)

    @property
    def computing(self) -> int:
        """How many of the E experts, the first ones, have a network."""
        return self.count

    def forward(self, x_BD: Tensor) -> ExpertsOutput:
        """What all experts predict of every sample."""
        return self.of_all(self.compute(x_BD.unsqueeze(-3)))

    def compute(self, inputs: Tensor | GroupedRows) -> Computed:
        """What the networks give for inputs [..., 1 or E, B, D] or for rows that are grouped by expert: their hidden
        layers before the ReLU, or None, and their last layers, in the layout of the inputs."""
        return self.bank(inputs)

    def of_all(self, computed: Computed) -> ExpertsOutput:
        """What all experts predict, from what they computed for every sample."""
        hidden_EBH, last_EBO = computed
        return self.output(last_EBO, None if hidden_EBH is None else hidden_EBH.transpose(-3, -2))

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ExpertsOutput:
        """What the experts predict, from the outputs of their networks [..., E, B, O]; here O = C logits."""
        return ExpertOutput(log_softmax(last_EBO).transpose(-3, -2), hidden_BEH)

    @classmethod
    def offered(cls, options: Config) -> int:
        """How many experts a config names: ``count``, and those without a network."""
        return options["count"]

    @classmethod
    def fineness(cls, options: Config) -> int:
        """How many experts are made of each of those: what E and k of a layer are multiplied by."""
        return 1

    @property
    def parameter_count(self) -> int:
        """How many numbers training chooses."""
        return count_parameters(self)

    def fit(self, training: Labelled, held_out: Labelled) -> None:
        """Fit beside the gradient, or without one, to the training and the validation split."""


class Gate(nn.Module):
    """Maps inputs, and if it says so what the experts compute, to a Routing. It never runs experts.

    k:       how many experts it selects if the config's ``k`` is null; null here: all of them.
    combine: the rule by which they are combined, probabilities or logits; null: the one that fits the gate and k.
    """

    #: the one task that the gate can serve; None: it does not look at targets
    task: ClassVar[Task | None] = None

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
    def traits(self) -> Traits:
        """What the gate declares of itself: a class attribute, or a property if it depends on options."""

    @property
    def usable_k(self) -> range:
        """The values of k that the gate can use."""
        experts = self.sizes.experts
        match self.traits.k:
            case "any":
                return range(1, experts + 1)
            case "every":
                return range(experts, experts + 1)
            case most:
                return range(1, min(most, experts) + 1)

    @property
    def batch_dependent(self) -> bool:
        """Whether a row depends on its batch-mates, as the gate stands: in training, or in evaluation."""
        return self._mode in self.traits.batch_dependent

    @property
    def hashes_input(self) -> bool:
        """Whether a hash of the sample's values decides, as the gate stands: in training, or in evaluation."""
        return self._mode in self.traits.hashes_input

    @property
    def _mode(self) -> Mode:
        return "training" if self.training else "evaluation"

    @property
    def learns_from(self) -> LearnsFrom:
        """What teaches the gate."""
        return self.traits.learns_from or ("prediction" if count_parameters(self) else "nothing")

    @property
    def mixes(self) -> bool:
        """Whether every row of weights is a distribution over the experts that at least two can share."""
        if self.traits.mixes is not None:
            return self.traits.mixes
        return self.traits.rows_sum_to_one and (self.sizes.k >= 2 or self.sizes.experts == 1)

    @property
    def moved(self) -> frozenset[str]:
        """The fields of its routing through which a gradient reaches its parameters."""
        return self.traits.gives - self.traits.still if count_parameters(self) else frozenset()

    def fit(self, x_ND: Tensor, right_NE: Tensor) -> None:
        """Take note of samples that training does not use, and which experts classify them rightly (bool)."""

    @property
    def head(self) -> Linear | None:
        """The linear layer that gives the logits, one column an expert; None if there is no such layer."""
        return None

    def without(self, routing: Routing, gone_E: Tensor, noise: Noise) -> Routing:
        """What the gate decides if some experts (bool) are not there, given what it decided with them: it selects again
        among the others and weighs them. Here, for gates that weigh every expert, the others keep their shares. Not for
        gates whose rows depend on their batch-mates."""
        return routing.without(gone_E)

    @abstractmethod
    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        """The routing of a batch. ``experts`` is what all experts compute of it, for gates whose traits ask for it;
        None for all others."""


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
    #: attributes of the samples, in whose groups a regularizer may be taken
    groups: Mapping[str, Groups] = field(default_factory=dict)

    @property
    def hidden_BEH(self) -> Tensor:
        """The last hidden layer of every expert, before its ReLU."""
        return self.output.expert_hidden_BEH


@dataclass(frozen=True)
class LayerStep:
    """What regularizers may read of a mixture layer during one training step: as ``Step``, but without a target."""

    x_BD: Tensor
    output: LayerOutput
    gate: Gate
    experts: Experts
    noise: Noise
    #: attributes of the rows, in whose groups a regularizer may be taken
    groups: Mapping[str, Groups] = field(default_factory=dict)

    @property
    def routing(self) -> Routing:
        return self.output.routing

    @property
    def hidden_BEH(self) -> Tensor:
        """The hidden layer of every expert, before its activation."""
        return self.output.expert_hidden_BEH


#: of one mixture, or of a mixture layer
AnyStep = Step | LayerStep


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
    #: fields of the routing ("weights_BE", "probs_BE", "logits_BE" or extras) that it acts on; refuses gates that lack
    #: one, and gates that learn through none of them
    reads: frozenset[str] = frozenset()
    #: reads what experts say of samples that did not select them (or moves their parameters), so that all must run
    needs_every_expert: ClassVar[bool] = False
    #: reads the inputs, ``x_BD``
    reads_input: ClassVar[bool] = False

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = hyper(weight)

    def misfit(self, gate: Gate) -> Reason | None:
        """Why it cannot act on this gate, beyond what it declares; None if it can. Gates that fit are found by it."""
        return None

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...

    def after_step(self, step: AnyStep, step_sizes: StepSizes) -> None:
        """Called without gradient after the optimizer's step: proximal maps, numbers that are steered."""

    def readings(self) -> dict[str, Tensor]:
        """Numbers of its own for the history, each [...], besides the raw and the weighted value."""
        return {}
