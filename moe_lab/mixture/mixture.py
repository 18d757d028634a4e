"""A mixture: experts, a gate and the rule that combines them; and what trains it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from moe_lab.errors import expect
from moe_lab.layers.convolution import BatchNorm2d
from moe_lab.layers.noise import Noise
from moe_lab.parts.checks import combine_rule
from moe_lab.parts.networks.conv import first_layers_at_once
from moe_lab.parts.roles import Experts, Gate, Step
from moe_lab.routing.combine import RULES
from moe_lab.routing.decision import Routing
from moe_lab.routing.inference import Inference, infer
from moe_lab.routing.outputs import ExpertOutput, GaussianExpertOutput, GaussianMixtureOutput, MixtureOutput
from moe_lab.routing.pairs import Pairs
from moe_lab.routing.slots import on_slots

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

    def step(self, x_BD: Tensor, y_B: Tensor, output: Output, noise: Noise) -> Step:
        """What objectives, regularizers and controllers may look at after the mixture has given ``output``."""
        return Step(x_BD, y_B, output, output.routing, self.gate, self.experts, noise)

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
