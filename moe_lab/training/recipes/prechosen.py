"""A recipe that trains each expert on classes chosen for it, and then a gate over the experts."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor

from moe_lab.config.ranges import Fraction, NonNegativeInt
from moe_lab.layers.stacking import count_parameters
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Gate
from moe_lab.routing.decision import Routing
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, Recipe, hold

CHANGE = "change recipe.groups"


class Prechosen(Recipe):
    """A decomposition by classes, chosen in advance: what does it cost, and can a gate learn it?

    In the first ``expert_share`` of the epochs the gate is frozen and the class decides: a sample of class y has weight
    one for the expert whose group contains y, and zero for others, so with objective=mixture the loss is -log P_e(y) of
    that expert. Then the experts are frozen and the gate learns by the run's own objective, without access to the
    groups. After ``gate_share`` of these epochs all parts learn together. In the paper's code each expert has batches
    of its own group. Here a batch contains samples of all groups, and an expert learns from those of its own.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (preliminary study, pretrained
    experts), which trains experts and gate for equally many epochs.

    groups:       classes of each expert: one group per expert, every class in exactly one group.
    expert_share: share of the epochs in which only the experts learn.
    gate_share:   share of the remaining epochs in which only the gate learns; 1: the experts stay frozen; 0: both
                  learn.
    Needs a gate that learns, and whose experts see whole samples.
    """

    def __init__(
        self,
        *,
        groups: tuple[tuple[NonNegativeInt, ...], ...],
        expert_share: Fraction = 0.5,
        gate_share: Fraction = 1.0,
    ) -> None:
        self._groups = groups
        self._expert_share = expert_share
        self._gate_share = gate_share
        self._chosen_CE: Tensor | None = None

    @property
    def expert_of_class(self) -> Sequence[int]:
        places = {label: expert for expert, group in enumerate(self._groups) for label in group}
        return [places[label] for label in sorted(places)]

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        gate, groups = learner.mixture.gate, self._groups
        sizes = gate.sizes
        if sizes.task != "classification":
            lacks = "needs classes to choose from, and these targets are numbers"
            return Reason(lacks, ("take recipe=end_to_end",))
        if not _gives_samples(gate):
            return Reason("needs a gate that learns to give whole samples to experts", gate=_gives_samples)
        if len(groups) != sizes.experts or not all(groups):
            return Reason(f"needs a group of classes for each of the {sizes.experts} experts", (CHANGE,))
        times = Counter(label for group in groups for label in group)
        for label in sorted({*times, *range(sizes.classes)}):
            if label >= sizes.classes or times[label] != 1:
                reason = "does not exist" if label >= sizes.classes else f"is in {times[label]}"
                lacks = f"needs each of the {sizes.classes} classes in one group, and class {label} {reason}"
                return Reason(lacks, (CHANGE,))
        return None

    def apart(self, trainers: Sequence[Trainer]) -> Reason | None:
        if len({one.epochs for one in trainers}) > 1:
            return Reason("runs of one stack let their parts go in one epoch, and these have several trainer.epochs")
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        epochs, mixture = course.trainers[0].epochs, course.mixture
        experts_alone = epoch < self._expert_share * epochs
        gate_until = (self._expert_share + self._gate_share * (1 - self._expert_share)) * epochs
        hold(mixture.gate, experts_alone)
        hold(mixture.experts, not experts_alone and epoch < gate_until)
        self._chosen_CE = self._one_hot(course.data.train.x_ND.device) if experts_alone else None

    def routed(self, routing: Routing, y_B: Tensor) -> Routing:
        if self._chosen_CE is None:
            return routing
        weights_BE = self._chosen_CE[y_B].expand_as(routing.weights_BE)
        logits_BE = None if routing.logits_BE is None else routing.logits_BE.detach()
        extras = {name: extra.detach() for name, extra in routing.extras.items()}
        return Routing(weights_BE, weights_BE, weights_BE > 0, weights_BE.log(), logits_BE, extras)

    def _one_hot(self, device: torch.device) -> Tensor:
        experts = torch.tensor(self.expert_of_class, device=device)
        return torch.nn.functional.one_hot(experts, len(self._groups)).to(torch.float32)


def _gives_samples(gate: Gate) -> bool:
    return count_parameters(gate) > 0 and not gate.traits.makes_slots
