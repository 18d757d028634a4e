"""A mixture: experts, a gate and the rule that combines them; and what trains it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from moe_lab import dispatch
from moe_lab.baseline import Alone
from moe_lab.checks import check, check_task, combine_rule
from moe_lab.combine import RULES
from moe_lab.config.build import build, class_of
from moe_lab.convolution import BatchNorm2d
from moe_lab.errors import ConfigError
from moe_lab.inference import Inference, infer
from moe_lab.layers import by_name, count_parameters, keep_buffers
from moe_lab.networks.conv import first_layers_at_once
from moe_lab.noise import Noise, seeded
from moe_lab.pairs import Pairs
from moe_lab.parts import Config, Experts, Gate, Objective, Regularizer, Sizes, Step, StepSizes
from moe_lab.routing import ExpertOutput, GaussianExpertOutput, GaussianMixtureOutput, MixtureOutput, Routing, expect
from moe_lab.slots import on_slots
from moe_lab.steering import Controller

Constrain = Callable[[Routing], Routing]
Output = MixtureOutput | GaussianMixtureOutput
Said = ExpertOutput | GaussianExpertOutput


class Mixture(nn.Module):
    """x_BD -> MixtureOutput: experts weighted by the gate, combined in log space.

    ``dispatch`` says how training gets there: "dense" runs all experts on every sample, "sparse" those that the gate
    selected. Values and gradients are the same. In evaluation all experts run.
    ``inference`` says what happens to the gate's weights in evaluation.
    """

    def __init__(self, experts: Experts, gate: Gate, inference: Inference = "mixture") -> None:
        super().__init__()
        self.dispatch = "dense"
        self.experts = experts
        self.gate = gate
        self.inference = inference
        self._rule = combine_rule(gate)
        self.combine = RULES[self._rule]

    @property
    def batch_dependent(self) -> bool:
        """Whether a prediction depends on its batch-mates, as the mixture stands: in training, or in evaluation."""
        norms = (part for part in self.modules() if isinstance(part, BatchNorm2d))
        return self.gate.batch_dependent or any(norm.training or norm.batch_statistics_at_test for norm in norms)

    def forward(self, x_BD: Tensor, noise: Noise, constrain: Constrain = lambda routing: routing) -> Output:
        """``constrain`` may change what the gate has decided, as controllers do in training."""
        if self.training and self.dispatch == "sparse":
            return self._of_selected(x_BD, noise, constrain)
        routing, experts = self.decide(x_BD, noise)
        return self.answer(constrain(routing), experts, noise)

    def _of_selected(self, x_BD: Tensor, noise: Noise, constrain: Constrain) -> MixtureOutput:
        decided = self.gate(x_BD, None, noise)
        routing = constrain(decided)
        certain = self.gate.selects_k and routing.selected_BE is decided.selected_BE
        pairs = Pairs(routing.selected_BE, each=self.gate.sizes.k if certain else None)
        experts = expect(ExpertOutput, self.experts.selected(x_BD, pairs))
        return MixtureOutput(routing, None, self.combine(pairs.narrow(routing, self._rule), experts.log_probs_BEC))

    def decide(self, x_BD: Tensor, noise: Noise) -> tuple[Routing, Said]:
        """What the gate decides, and what all experts say."""
        if self.gate.makes_slots:
            routing = self.gate(x_BD, None, noise)
            return routing, on_slots(self.experts.bank, routing.extras["slots_BESI"], routing.extras["log_shares_BES"])
        with first_layers_at_once(self.experts, self.gate, x_BD):
            experts = self.experts(x_BD)
            seen = expect(ExpertOutput, experts).log_probs_BEC if self.gate.needs_outputs else experts.hidden_BEH
            return self.gate(x_BD, seen, noise), experts

    def answer(self, routing: Routing, experts: Said, noise: Noise) -> Output:
        """What becomes of both: the experts' mixture by the rule of combination."""
        if not self.training:
            routing = infer(routing, self.inference, noise)
        return experts.mix(routing, self.combine)


@contextmanager
def as_trained(mixture: Mixture) -> Iterator[None]:
    """In evaluation mode, but with the weights that it is trained with, whatever ``inference`` says."""
    training, inference = mixture.training, mixture.inference
    mixture.eval()
    mixture.inference = "mixture"
    try:
        yield
    finally:
        mixture.train(training)
        mixture.inference = inference


@dataclass(frozen=True)
class Losses:
    """The parts of a training loss, each [...] (a value a run): their total is what is minimized."""

    objective: Tensor
    raw: dict[str, Tensor]
    weighted: dict[str, Tensor]

    @property
    def total(self) -> Tensor:
        return sum(self.weighted.values(), self.objective)


class Learner(nn.Module):
    """A mixture with its objective, regularizers and controllers: everything that training moves or asks."""

    def __init__(
        self,
        mixture: Mixture,
        objective: Objective,
        regularizers: dict[str, Regularizer],
        controllers: dict[str, Controller],
    ) -> None:
        super().__init__()
        self.mixture = mixture
        self.objective = objective
        self.regularizers = by_name(regularizers)
        self.controllers = by_name(controllers)

    @torch.no_grad()
    def before_step(self, progress: Tensor) -> None:
        """Controllers before a training step; ``progress`` [...] is the share of all steps that are done."""
        for controller in self.controllers.values():
            controller.before_step(self.mixture.gate, progress)

    def forward(self, x_BD: Tensor, noise: Noise, route: Constrain = lambda routing: routing) -> Output:
        """The mixture as it is in training, constrained by its controllers, and then by ``route``."""
        return self.mixture(x_BD, noise, lambda routing: route(self._constrain(routing)))

    @torch.no_grad()
    def after_step(self, step: Step, step_sizes: StepSizes) -> None:
        """Regularizers and controllers after the optimizer's step."""
        for regularizer in self.regularizers.values():
            regularizer.after_step(step, step_sizes)
        for controller in self.controllers.values():
            controller.after_step(step)

    def readings(self, losses: Losses) -> dict[str, Tensor]:
        """What the history keeps of a step's regularizers and controllers, each [...]."""
        readings = {f"regularizer_{name}": value for name, value in losses.raw.items()}
        readings |= {f"regularizer_{name}_weighted": value for name, value in losses.weighted.items()}
        for role, parts in (("regularizer", self.regularizers), ("controller", self.controllers)):
            for name, part in parts.items():
                readings |= {f"{role}_{name}_{key}": value.clone() for key, value in part.readings().items()}
        return readings

    def _constrain(self, routing: Routing) -> Routing:
        for controller in self.controllers.values():
            routing = controller.constrain(routing)
        return routing

    def losses(self, step: Step) -> tuple[Tensor, Losses]:
        """The objective's loss of every sample [..., B], and the parts of the training loss."""
        loss_B = self.objective(step)
        _check_shape("objective", self.objective, loss_B, step.y_B.shape)
        raw = {name: regularizer(step) for name, regularizer in self.regularizers.items()}
        for name, value in raw.items():
            _check_shape(f"regularizer {name}", self.regularizers[name], value, loss_B.shape[:-1])
        weighted = {name: self.regularizers[name].weight * value for name, value in raw.items()}
        return loss_B, Losses(loss_B.mean(-1), raw, weighted)


def build_learner(config: dict[str, Any], shape: tuple[int, ...], classes: int, seed_init: int) -> Learner:
    """The parts that a checked config names, initialized on the CPU, each from its own named generator; a baseline
    in place of the mixture where the config has one. ``classes`` is 0 where the targets are numbers.

    Raises ConfigError where parts do not fit each other.
    """
    return complete(build_mixture(config, shape, classes, seed_init), config, seed_init)


def complete(mixture: Mixture, config: dict[str, Any], seed_init: int) -> Learner:
    """The learner of a config whose mixture is built already. Raises ConfigError where parts do not fit each other."""
    with seeded(seed_init, "baseline"):
        baseline = build(config["baseline"]).replace(config, mixture.experts, mixture.gate)
    if baseline is not None:
        sizes = replace(mixture.gate.sizes, experts=1, k=1, hidden=baseline.hidden_features)
        mixture = Mixture(baseline, Alone(sizes), config["inference"])
    sizes = mixture.gate.sizes
    with seeded(seed_init, "objective"):
        objective = build(config["objective"], sizes)
    regularizers, controllers = (_several(role, config, sizes, seed_init) for role in ("regularizer", "controller"))
    check(mixture.gate, objective, regularizers, controllers)
    _dispatch(mixture, objective, regularizers, config["trainer"])
    for controller in controllers.values():
        if controller.steers:
            keep_buffers(mixture.gate, controller.steers)
    return Learner(mixture, objective, regularizers, controllers)


def _several(role: str, config: dict[str, Any], sizes: Sizes, seed_init: int) -> dict[str, Any]:
    """The parts of a role that takes several at once."""
    parts = {}
    for name, node in config[f"{role}s"].items():
        with seeded(seed_init, f"{role}/{name}"):
            parts[name] = build(node, sizes)
    return parts


def _dispatch(mixture: Mixture, objective: Objective, regularizers: dict[str, Regularizer], trainer: Config) -> None:
    """What the trainer says of the experts that are not selected. "auto" is decided when a job is prepared; here it is
    dense. Raises ConfigError where it does not fit."""
    reason = dispatch.why_dense(mixture.experts, mixture.gate, objective, regularizers)
    dispatch.check(trainer["dispatch"], reason)
    if trainer["dispatch"] == "sparse":
        mixture.dispatch = "sparse"
    reason = dispatch.why_all_learn(mixture.gate, objective, regularizers)
    if trainer["skip_untouched"] and reason is not None:
        raise ConfigError(f"trainer.skip_untouched does not fit: {reason}, so none is untouched")


def build_mixture(config: dict[str, Any], shape: tuple[int, ...], classes: int, seed_init: int) -> Mixture:
    """The mixture of a checked config, whether or not a baseline is to stand in for it."""
    sizes = sizes_of(config, shape, classes)
    check_task(config, sizes)
    expert_shape = class_of(config["gate"]).expert_shape(config["gate"], shape)
    with seeded(seed_init, "experts"):
        experts = build(config["experts"], replace(sizes, shape=expert_shape))
    sizes = replace(sizes, hidden=experts.hidden_features)
    with seeded(seed_init, "gate"):
        gate = build(config["gate"], sizes)
    if sizes.k not in gate.usable_k:
        raise ConfigError(f"this gate cannot use k={sizes.k}: take {_values(gate.usable_k)}")
    return Mixture(experts, gate, config["inference"])


def sizes_of(config: dict[str, Any], shape: tuple[int, ...], classes: int) -> Sizes:
    """The sizes that parts are built with; k is the config's, else the gate's, else E. Raises ConfigError if k > E."""
    experts = config["experts"]["count"]
    k = config["k"] or config["gate"].get("k") or experts
    if k > experts:
        where = f"k={k}" if config["k"] else f"the gate's k={k}"
        raise ConfigError(f"{where} selects more experts than there are: take k of at most experts.count={experts}")
    return Sizes(shape, classes, experts, k)


def parameter_counts(mixture: Mixture) -> dict[str, int]:
    """Parameters in all, and those that act on one sample: the gate's, and k experts' (all of them where the gate
    reads the experts' features)."""
    gate, experts = count_parameters(mixture.gate), mixture.experts.parameter_count
    active = experts // mixture.gate.sizes.experts * running_experts(mixture)
    return {"parameters_total": gate + experts, "parameters_active": gate + active}


def running_experts(mixture: Mixture) -> int:
    """How many experts act on one sample: k, or all of them where the gate reads the experts' features."""
    sizes = mixture.gate.sizes
    return sizes.experts if mixture.gate.needs_hidden else sizes.k


def _check_shape(role: str, part: nn.Module, value: Tensor, shape: torch.Size) -> None:
    if value.shape != shape:
        raise TypeError(
            f"{role} ({type(part).__name__}) gave the shape {tuple(value.shape)}, and must give {tuple(shape)}"
        )


def _values(values: range) -> str:
    return f"k={values[0]}" if len(values) == 1 else f"k from {values[0]} to {values[-1]}"
