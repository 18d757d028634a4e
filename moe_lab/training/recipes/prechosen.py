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
    """A decomposition by classes that is chosen beforehand: what does it cost, and can a gate learn it?

    In the first ``expert_share`` of the epochs the gate stands still and the class decides: a sample of class y has
    weight one at the expert whose group has y, and none elsewhere, so that with objective=mixture the loss is
    -log P_e(y) of that expert. Then the gate learns, by the run's own objective and without any word of the groups,
    while the experts stand still; and after ``gate_share`` of these epochs all learn together.
    In the code each expert goes through the samples of its group in batches of its own; here the samples of all groups
    share a batch, and an expert learns from those that are its own.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (preliminary study, pretrained
    experts), which trains expert and gate for as many epochs each.

    groups:       classes of each expert; every class in one of them, as many groups as experts.
    expert_share: share of the epochs in which the experts learn alone.
    gate_share:   share of the epochs after them in which the gate learns alone; 1: the experts stay as they are; 0:
                  they go on learning with it.
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
