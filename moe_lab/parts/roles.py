"""The roles that parts play. A part is written for one run, over trailing axes (docs/add-a-part.md has the rules).

A part's positional argument ``sizes`` comes from the engine; its keyword-only arguments are its config, whose types and
ranges are checked when it is composed. Numbers that may differ between the runs of a stack are kept with
``layers.hyper``; all else is structure. moe_lab/parts/checks.py checks the requirements that parts declare here.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from torch import Tensor, nn

from moe_lab.layers.grouped import GroupedRows
from moe_lab.layers.linear import Linear, log_softmax
from moe_lab.layers.noise import Noise
from moe_lab.layers.ranks import held
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
#: a parameter -> effective step size of the optimizer's last step per coordinate; broadcasts to the parameter
StepSizes = Callable[[nn.Parameter], Tensor]


class Experts(nn.Module):
    """A bank of E experts, made from one plain network by stacking its parameters along E.

    ``network`` builds one expert, for example a networks.classifier.Classifier: x [..., B, D] -> (hidden [..., B, H]
    before its ReLU or None, logits [..., B, C]). ``hidden_features`` is H, or None for experts without a hidden layer.
    Experts for regression declare it in ``task``; ``output`` makes predictions of their networks' last layers.
    """

    task: ClassVar[Task] = "classification"
    #: the network has ``layers.Linear`` and functions of a row alone, so that it can run on the selected samples
    runs_sparse: ClassVar[bool] = False
    #: they predict the target by themselves; else they output values, as experts of a mixture layer
    predicts: ClassVar[bool] = True
    #: they are fitted (``fit``) after every epoch; those without parameters have one epoch without steps
    needs_fitting: ClassVar[bool] = False
    elsewhere: int = 0  #: how many of them other processes have

    def __init__(self, count: int, network: Callable[[], nn.Module], hidden_features: int | None) -> None:
        super().__init__()
        self.count = count
        self.hidden_features = hidden_features
        self.bank = bank(network, count)
        self.elsewhere = count - len(held(count))

    @property
    def computing(self) -> int:
        """The number of the E experts, the first ones, that have a network."""
        return self.count

    def forward(self, x_BD: Tensor) -> ExpertsOutput:
        """The predictions of all experts for every sample."""
        return self.of_all(self.compute(x_BD.unsqueeze(-3)))

    def compute(self, inputs: Tensor | GroupedRows) -> Computed:
        """Hidden layers before the ReLU, or None, and last layers, in the layout of the inputs [..., 1 or E, B, D] or
        of rows grouped by expert."""
        return self.bank(inputs)

    def of_all(self, computed: Computed) -> ExpertsOutput:
        """The predictions of all experts, from their outputs for every sample."""
        hidden_EBH, last_EBO = computed
        return self.output(last_EBO, None if hidden_EBH is None else hidden_EBH.transpose(-3, -2))

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ExpertsOutput:
        """The experts' predictions, from the outputs of their networks [..., E, B, O]; here O = C logits."""
        return ExpertOutput(log_softmax(last_EBO).transpose(-3, -2), hidden_BEH)

    @classmethod
    def offered(cls, options: Config) -> int:
        """The number of experts in a config: ``count``, and those without a network."""
        return options["count"]

    @classmethod
    def fineness(cls, options: Config) -> int:
        """The number of experts made of each of those, the factor of E and k of a layer."""
        return 1

    @property
    def parameter_count(self) -> int:
        """The number of trained parameters, in all processes."""
        each = count_parameters(self.bank) // (self.computing - self.elsewhere)
        return count_parameters(self) + each * self.elsewhere

    def fit(self, training: Labelled, held_out: Labelled) -> None:
        """Fit to the training and the validation split, besides gradient descent or instead of it."""


class Gate(nn.Module):
    """Maps inputs, and the experts' outputs if its traits require them, to a Routing. It never runs experts.

    k:       number of selected experts if the config's ``k`` is null; null here: all of them.
    combine: the rule by which they are combined, probabilities or logits; null: the one that fits the gate and k.
    """

    #: the only task of the gate; None: it does not depend on targets
    task: ClassVar[Task | None] = None

    def __init__(self, sizes: Sizes, *, k: int | None, combine: Combine | None) -> None:
        super().__init__()
        self.sizes = sizes
        self.combine = combine
        self.places = sizes.places  #: how many rows side by side are one document

    @classmethod
    def expert_shape(cls, options: Config, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape of an expert's input, from the gate's options and the shape of a sample."""
        return shape

    @property
    @abstractmethod
    def traits(self) -> Traits:
        """The gate's declarations: a class attribute, or a property if they depend on options."""

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
        """Whether a row depends on its batch-mates in the gate's current mode, training or evaluation."""
        return self._mode in self.traits.batch_dependent

    @property
    def hashes_input(self) -> bool:
        """Whether a hash of the sample's values decides in the gate's current mode, training or evaluation."""
        return self._mode in self.traits.hashes_input

    @property
    def _mode(self) -> Mode:
        return "training" if self.training else "evaluation"

    @property
    def learns_from(self) -> LearnsFrom:
        """What trains the gate."""
        return self.traits.learns_from or ("prediction" if count_parameters(self) else "nothing")

    @property
    def mixes(self) -> bool:
        """Whether every row of weights is a distribution that at least two experts can share."""
        if self.traits.mixes is not None:
            return self.traits.mixes
        return self.traits.rows_sum_to_one and (self.sizes.k >= 2 or self.sizes.experts == 1)

    @property
    def moved(self) -> frozenset[str]:
        """The fields of its routing through which a gradient reaches its parameters."""
        return self.traits.gives - self.traits.still if count_parameters(self) else frozenset()

    def fit(self, x_ND: Tensor, right_NE: Tensor) -> None:
        """Fit to samples that training does not use, and to whether each expert classifies them correctly (bool)."""

    @property
    def head(self) -> Linear | None:
        """The linear layer of the logits, one column per expert; None if there is no such layer."""
        return None

    def without(self, routing: Routing, gone_E: Tensor, noise: Noise) -> Routing:
        """The decision if some experts (bool) are removed, given that with them: the gate selects among the others, or
        keeps their shares if it weighs every expert. Not for gates whose rows depend on their batch-mates."""
        return routing.without(gone_E)

    @abstractmethod
    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Routing:
        """The routing of a batch. ``experts``: all experts' outputs if the gate's traits require them, else None."""


@dataclass(frozen=True)
class Step:
    """Everything that an objective, a regularizer or a controller may read during one training step."""

    x_BD: Tensor
    y_B: Tensor
    output: MixtureOutput | GaussianMixtureOutput
    #: the routing that regularizers and controllers read
    routing: Routing
    gate: Gate
    experts: Experts
    noise: Noise
    #: a recipe's additions for its objective, by name
    added: Mapping[str, Tensor] = field(default_factory=dict)
    #: attributes of the samples, within whose groups a regularizer may be computed
    groups: Mapping[str, Groups] = field(default_factory=dict)

    @property
    def hidden_BEH(self) -> Tensor:
        """The last hidden layer of every expert, before its ReLU."""
        return self.output.expert_hidden_BEH


@dataclass(frozen=True)
class LayerStep:
    """Everything that regularizers may read of a mixture layer during a training step: as ``Step``, without target."""

    x_BD: Tensor
    output: LayerOutput
    gate: Gate
    experts: Experts
    noise: Noise
    #: attributes of the rows, within whose groups a regularizer may be computed
    groups: Mapping[str, Groups] = field(default_factory=dict)

    @property
    def routing(self) -> Routing:
        return self.output.routing

    @property
    def hidden_BEH(self) -> Tensor:
        """The hidden layer of every expert, before its activation."""
        return self.output.expert_hidden_BEH


#: a step of one mixture, or of a mixture layer
AnyStep = Step | LayerStep


class Objective(nn.Module):
    """Step -> loss of every sample in nats, [..., B]."""

    #: the only task of the objective; None: both
    task: ClassVar[Task | None] = "classification"
    #: refuses gates whose rows of weights are not distributions over at least two experts
    needs_distribution: ClassVar[bool] = False
    #: reads experts' predictions of samples that did not select them (or updates their parameters), so all must run
    needs_every_expert: bool = False
    #: the values of ``Gate.learns_from`` that it fits
    teaches: ClassVar[frozenset[LearnsFrom]] = frozenset({"prediction", "nothing"})
    #: refuses gates that select more experts per sample
    largest_k: ClassVar[int | None] = None
    #: refuses gates whose routing lacks these extras
    needs_extras: ClassVar[frozenset[str]] = frozenset()

    @property
    def alias(self) -> Config | None:
        """An equivalent node if the gate mixes probabilities, so that both have the same key."""
        return None

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...


class Regularizer(nn.Module):
    """Step -> raw value [...]; ``weight`` times it is added to the loss. Both are logged.

    ``weight`` is a number of the config (``hyper``), or a persistent buffer that the regularizer updates itself.
    """

    #: the only task of the regularizer; None: it does not depend on targets
    task: ClassVar[Task | None] = None
    #: refuses mixtures of fewer experts
    least_experts: ClassVar[int] = 1
    #: fields of the routing ("weights_BE", "probs_BE", "logits_BE" or extras) that it acts on; refuses gates that lack
    #: one, and gates that learn through none of them
    reads: frozenset[str] = frozenset()
    #: reads experts' predictions of samples that did not select them (or updates their parameters), so all must run
    needs_every_expert: ClassVar[bool] = False
    #: reads the inputs, ``x_BD``
    reads_input: ClassVar[bool] = False

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = hyper(weight)

    def misfit(self, gate: Gate) -> Reason | None:
        """Why it cannot act on this gate, beyond its declarations; None if it can. Also used to find gates that fit."""
        return None

    @abstractmethod
    def forward(self, step: Step) -> Tensor: ...

    def after_step(self, step: AnyStep, step_sizes: StepSizes) -> None:
        """Called without gradient after the optimizer's step, for proximal maps and adaptive numbers."""

    def readings(self) -> dict[str, Tensor]:
        """Further numbers for the history, each [...], besides the raw and the weighted value."""
        return {}
