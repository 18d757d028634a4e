"""A recipe with one temperature for the experts' update and another for the gate's."""

from dataclasses import replace

from torch import Tensor

from moe_lab.config.ranges import NonNegative, Positive
from moe_lab.errors import given
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Gate, Step
from moe_lab.routing.decision import Routing
from moe_lab.training.learner import Losses
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, Recipe

#: the lowest temperature
LEAST = 0.001


class DualTemperature(Recipe):
    """Experts learn with weights softmax(z / T), the gate with softmax(z): T > 1 spreads samples over experts.

    The experts' gradient is that of the objective at weights w_T = w^(1/T) / sum_e w_e^(1/T), held fixed; the gate's is
    that of objective and regularizers at w, with the experts held fixed. Both move in one step. The loss of the history
    and all predictions are those at w. The temperature of epoch t (from 0) is T_0 = T_1 = T and T_{t+1} = max(T_t / (1
    + decay t), 0.001), as the code has it: below one it sharpens in the end.
    Source: the code of Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 ("dual temperature"), which needs two
    forward and two backward passes per step.

    temperature: T of the first epoch; 1 equals recipe=end_to_end, except that regularizers of the gate's weights do not
                 change the experts.
    decay:       how fast T falls from epoch to epoch; 0: T is constant.
    Needs a gate whose rows of weights are a distribution over at least two experts, that sees inputs alone, and dense
    dispatch.
    """

    needs_every_expert = True

    def __init__(self, *, temperature: Positive = 10.0, decay: NonNegative = 0.0) -> None:
        self._first = temperature
        self._decay = decay
        self._now = temperature

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        gate = learner.mixture.gate
        if not _learns_a_distribution(gate):
            return Reason("needs a gate that learns a distribution over at least 2 experts", gate=_is_led)
        if gate.traits.reads_experts:
            return Reason("needs a gate that sees inputs alone, so that experts and gate learn apart", gate=_is_led)
        if not learner.mixture.dispatcher.every_expert:
            return Reason("needs every expert to run", ("take trainer.dispatch=dense",))
        for name, regularizer in learner.regularizers.items():
            if regularizer.needs_every_expert:
                return Reason(
                    f"needs regularizers that act on the gate alone, and {name} acts on the experts", ("leave it out",)
                )
        return None

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        self._now = self.temperature_of(epoch)

    def temperature_of(self, epoch: int) -> float:
        """The temperature T of an epoch, counted from 0."""
        temperature = self._first
        for done in range(1, epoch):
            temperature = max(temperature / (1 + self._decay * done), LEAST)
        return temperature

    def losses(self, learner: MixtureLearner, step: Step) -> tuple[Tensor, Losses]:
        routing, mixture = step.routing, learner.mixture
        experts = step.output.experts
        if experts is None:
            raise TypeError("what every expert says is read here, and only the selected ones ran")
        of_experts = mixture.answer(at_temperature(routing, self._now), experts, step.noise)
        of_gate = mixture.answer(routing, experts.detached(), step.noise)
        warm = learner.objective(replace(step, output=of_experts)).mean(-1)
        loss_B, losses = learner.losses(replace(step, output=of_gate))
        # its value is zero, its gradient is that of the experts
        return loss_B, replace(losses, objective=losses.objective + warm - warm.detach())


def _learns_a_distribution(gate: Gate) -> bool:
    return gate.learns_from == "prediction" and gate.mixes and gate.sizes.experts > 1


def _is_led(gate: Gate) -> bool:
    return _learns_a_distribution(gate) and not gate.traits.reads_experts


def at_temperature(routing: Routing, temperature: float) -> Routing:
    """The routing whose weights are w^(1/T), divided by their sum; without gradient."""
    log_weights_BE = (given(routing.log_weights_BE, "log_weights_BE").detach() / temperature).log_softmax(-1)
    weights_BE = log_weights_BE.exp()
    return replace(routing, weights_BE=weights_BE, log_weights_BE=log_weights_BE)
