"""A recipe for expectation maximization with an outer loop."""

from dataclasses import replace

import torch
from torch import Tensor

from moe_lab.config.ranges import Count
from moe_lab.data.dataset import batches
from moe_lab.errors import expect, given
from moe_lab.mixture.mixture import as_trained
from moe_lab.parts.objectives.em import Em
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Gate, Step
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.order import rows
from moe_lab.training.recipe import Course, Recipe


class ExpectationMaximization(Recipe):
    """E steps over all training samples, each followed by ``m_steps`` gradient steps with fixed responsibilities (M
    step).

    E: the responsibilities h_ie at the present parameters; soft or hard by ``objective.responsibilities``, in
       evaluation mode, of samples without augmentation. M: optimizer steps on -sum_ie h_ie (log w_e(x_i) + log
       P_e(y_i)) with h fixed. The loss in the history is that of the M step.
    Source: Jordan and Jacobs 1994, Hierarchical mixtures of experts and the EM algorithm; m_steps steps by gradient in
    place of a whole maximization: generalized EM, Dempster, Laird and Rubin 1977.

    m_steps: optimizer steps of an M step; null: as many as an epoch has. With 1 the responsibilities always match the
             parameters, as with objective=em and recipe=end_to_end, which is cheaper.
    Needs objective=em and a gate that gives every expert a weight: if w_e is zero, h_e log w_e has no lower bound.
    """

    def __init__(self, *, m_steps: Count | None = None) -> None:
        self._m_steps = m_steps
        self._responsibilities_NE: Tensor | None = None

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        gate = learner.mixture.gate
        if not isinstance(learner.objective, Em):
            return Reason("needs the objective whose E step it takes", ("take objective=em",))
        if gate.sizes.experts == 1:
            return Reason("needs at least 2 experts, and there is 1", ("take recipe=end_to_end",))
        if not _weighs_all(gate):
            lacks = "needs a gate that gives every expert a weight, and this one does not"
            return Reason(lacks, ("take k=null",), gate=_weighs_all)
        for name, controller in learner.controllers.items():
            if controller.constrains:
                lacks = f"needs a gate that gives every expert a weight, and controller {name} takes some"
                return Reason(lacks, (f"leave {name} out",))
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        if (epoch * course.steps + batch) % (self._m_steps or course.steps) == 0:
            self._responsibilities_NE = e_step(course)

    def seen(self, step: Step, index_B: Tensor) -> Step:
        held_NE = given(self._responsibilities_NE, "the E step")
        if index_B.ndim > 1:
            held_BE = held_NE.take_along_dim(index_B.unsqueeze(-1), -2)
        elif held_NE.ndim > 2:
            held_BE = held_NE.index_select(-2, index_B)
        else:
            held_BE = rows(held_NE, index_B)
        return replace(step, added={"responsibilities_BE": held_BE})

    def state(self) -> dict[str, Tensor]:
        return {} if self._responsibilities_NE is None else {"responsibilities_NE": self._responsibilities_NE}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._responsibilities_NE = state.get("responsibilities_NE")


def _weighs_all(gate: Gate) -> bool:
    return gate.traits.selects_k and gate.mixes and gate.sizes.k == gate.sizes.experts


@torch.no_grad()
def e_step(course: Course) -> Tensor:
    """The responsibilities [..., N, E] of the training split, in its order."""
    mixture, objective = course.mixture, expect(Em, course.learner.objective)
    noise = course.noise("e_step")
    held = []
    with as_trained(mixture):
        for x_BD, y_B in batches(
            course.data.train, mixture.batch_dependent, course.trainers[0].batch_size, mixture.numbers
        ):
            output = mixture(x_BD, noise)
            held.append(objective.e_step(objective.joint(output, y_B)))
    return torch.cat(held, -2)
