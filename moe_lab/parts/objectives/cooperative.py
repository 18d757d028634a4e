"""The squared error of the mixture's prediction."""

from torch import Tensor

from moe_lab.parts import MixtureOutput, Objective, Sizes, Step, expect


class Cooperative(Objective):
    """loss_i = ||d_i - q_i||^2 = 1 - 2 q_i(y_i) + sum_c q_i(c)^2: the squared error of the mixture's prediction.

    d is one at the true class and zero elsewhere, q the mixture's class probabilities, so this is the Brier score,
    between 0 and 2, and not in nats. Each expert learns the residual of the others, so experts cooperate. The paper
    shows that this does not make them specialize.
    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts, eq. 1.1.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        probs_BC = expect(MixtureOutput, step.output).log_probs_BC.exp()
        true_B = step.output.log_likelihood_B(step.y_B).exp()
        return 1 - 2 * true_B + probs_BC.square().sum(-1)
