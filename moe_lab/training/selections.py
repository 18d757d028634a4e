"""The experts that a fixed sample of validation rows selects, at several steps of training."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from moe_lab.data.dataset import Split, batches, spread
from moe_lab.layers.modes import evaluating
from moe_lab.metrics.saturation import MOST_ROWS, kept_steps
from moe_lab.mixture.mixture import Constrain
from moe_lab.routing.decision import Routing
from moe_lab.training.learner import AnyLearner
from moe_lab.training.members import Member


class Selections:
    """Which experts rows of validation samples select, of each run at a few steps of its own.

    Samples are evenly spaced and always the same; gates that draw, draw the same numbers each time. Nothing is kept
    without validation samples, or of a learner that has no rows (``Learner.places``).
    """

    def __init__(self, learner: AnyLearner, members: Sequence[Member], validation: Split, epoch: int) -> None:
        self._learner = learner
        self._batch = members[0].trainer.batch_size
        self._split = spread(validation, max(1, MOST_ROWS // learner.places) if learner.places else 0)
        steps = [kept_steps(member.trainer.epochs * epoch) for member in members]
        self._steps = steps if len(self._split) else []

    def due(self, done: int) -> list[int]:
        """The runs whose selected experts are kept after ``done`` steps."""
        return [run for run, steps in enumerate(self._steps) if done in steps]

    @torch.no_grad()
    def look(self, noise: Any, route: Constrain, runs: int) -> Tensor:
        """bool [R, L, T, E] on the CPU; E is that of the layer with most experts."""
        learner, found = self._learner, []
        with evaluating(learner):
            for x_BD, _ in batches(self._split, learner.batch_dependent, self._batch, learner.numbers):
                found.append(side_by_side(learner.routings(learner.predict(x_BD, noise, route)).values()))
        selected = torch.cat(found, -2).cpu()
        return selected.expand(runs, *selected.shape[-3:])


def side_by_side(routings: Iterable[Routing]) -> Tensor:
    """What the rows of each layer select, [..., L, T, E]."""
    selected = [routing.selected_BE for routing in routings]
    experts = max(one.shape[-1] for one in selected)
    return torch.stack([functional.pad(one, (0, experts - one.shape[-1])) for one in selected], -3)
