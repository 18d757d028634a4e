"""Predictions of experts and mixtures on one batch: classes, or densities of a number."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from moe_lab.errors import given
from moe_lab.routing.decision import Routing
from moe_lab.routing.values import ValueOutput

LOG_2_PI = math.log(2 * math.pi)


#: routing and log_probs_BEC -> the mixture's log_probs_BC
Combination = Callable[[Routing, Tensor], Tensor]


@dataclass(frozen=True)
class ExpertOutput:
    """Outputs of experts that predict classes: log-probabilities in nats, and the last hidden layer *before* its
    ReLU."""

    log_probs_BEC: Tensor
    hidden_BEH: Tensor | None

    def log_likelihood_BE(self, y_B: Tensor) -> Tensor:
        """log P_e(y|x) of the class y, in nats."""
        return _at_class(self.log_probs_BEC, y_B.unsqueeze(-1))

    def detached(self) -> "ExpertOutput":
        """The same, without gradient."""
        return ExpertOutput(self.log_probs_BEC.detach(), None if self.hidden_BEH is None else self.hidden_BEH.detach())

    def over_slots(self, log_shares_BES: Tensor) -> "ExpertOutput":
        """What every expert predicts from its S slots, of which these are the outputs [..., B S, E, C]: the mixture
        of their predictions, log P_e = log sum_s share_s P_e(slot s), and the weighted mean of their hidden features.

        log_shares_BES: logarithms of weights that sum to one over an expert's slots.
        """
        samples, _, slots = log_shares_BES.shape[-3:]
        log_probs_BESC, hidden_BESH = (
            None if one is None else one.unflatten(-3, (samples, slots)).transpose(-3, -2)
            for one in (self.log_probs_BEC, self.hidden_BEH)
        )
        log_shares_BES1 = log_shares_BES.unsqueeze(-1)
        hidden_BEH = None if hidden_BESH is None else (log_shares_BES1.exp() * hidden_BESH).sum(-2)
        return ExpertOutput((log_shares_BES1 + given(log_probs_BESC, "log_probs")).logsumexp(-2), hidden_BEH)

    def mix(self, routing: Routing, combine: Combination) -> "MixtureOutput":
        """The mixture of these experts, by one of the rules of moe_lab/routing/combine.py."""
        return MixtureOutput(routing, self, combine(routing, self.log_probs_BEC))


@dataclass(frozen=True)
class MixtureOutput:
    """Gate, experts and their combination on one batch; ``log_probs_BC`` is the mixture's prediction in nats.

    ``experts`` is None under sparse dispatch, where only the selected experts run: a part that reads it says so in
    ``needs_every_expert``.
    """

    routing: Routing
    experts: ExpertOutput | None
    log_probs_BC: Tensor

    def log_likelihood_B(self, y_B: Tensor) -> Tensor:
        """log q(y|x) of the class y, in nats."""
        return _at_class(self.log_probs_BC, y_B)

    def expert_log_likelihood_BE(self, y_B: Tensor) -> Tensor:
        """log P_e(y|x) of every expert, in nats."""
        return given(self.experts, "the experts' output").log_likelihood_BE(y_B)

    @property
    def expert_hidden_BEH(self) -> Tensor:
        """The last hidden layer of every expert, before its ReLU."""
        return given(given(self.experts, "the experts' output").hidden_BEH, "hidden_BEH")

    @property
    def prediction_B(self) -> Tensor:
        """The likeliest class."""
        return self.log_probs_BC.argmax(-1)

    def scores(self, y_B: Tensor) -> dict[str, Tensor]:
        """What a sample adds to the sums of an epoch, besides its loss: whether its class is wrong."""
        return {"errors": self.prediction_B != y_B}

    def stored(self, y_B: Tensor) -> dict[str, Tensor]:
        """The arrays of the test split that a run folder keeps of classes alone."""
        log_probs_BEC = given(self.experts, "the experts' output").log_probs_BEC
        return {
            "log_probs": self.log_probs_BC,
            "expert_prediction": log_probs_BEC.argmax(-1),
            "expert_log_probs_half": log_probs_BEC.half(),
        }


@dataclass(frozen=True)
class GaussianExpertOutput:
    """What experts give for numbers: N(y; mean_e, variance_e), and the last hidden layer *before* its ReLU.

    Numbers are in sd of y over the training split, as the data set gives them.
    """

    mean_BE: Tensor
    log_variance_BE: Tensor
    hidden_BEH: Tensor | None

    @property
    def variance_BE(self) -> Tensor:
        return self.log_variance_BE.exp()

    def log_likelihood_BE(self, y_B: Tensor) -> Tensor:
        """log N(y; mean_e, variance_e) = -(log 2 pi + log variance_e + (y - mean_e)^2 / variance_e) / 2, in nats."""
        squared_BE = (y_B.unsqueeze(-1) - self.mean_BE).square() * (-self.log_variance_BE).exp()
        return -0.5 * (LOG_2_PI + self.log_variance_BE + squared_BE)

    def detached(self) -> "GaussianExpertOutput":
        """The same, without gradient."""
        hidden_BEH = None if self.hidden_BEH is None else self.hidden_BEH.detach()
        return GaussianExpertOutput(self.mean_BE.detach(), self.log_variance_BE.detach(), hidden_BEH)

    def mix(self, routing: Routing, combine: Combination) -> "GaussianMixtureOutput":
        """The mixture of these experts: densities have one rule only, which the mixture itself is."""
        return GaussianMixtureOutput(routing, self)


#: what experts predict by themselves
Predicted = ExpertOutput | GaussianExpertOutput
#: what a bank of experts gives: predictions, or values of a layer
ExpertsOutput = Predicted | ValueOutput


def predicted(output: ExpertsOutput) -> Predicted:
    """The output of experts that predict. Raises TypeError for values."""
    if isinstance(output, ValueOutput):
        raise TypeError("predictions are read here, and these experts give values")
    return output


@dataclass(frozen=True)
class GaussianMixtureOutput:
    """A mixture of densities on one batch, q(y|x) = sum_e w_e N(y; mean_e, variance_e), rows of w summing to one.

    Source: Bishop 1994, Mixture density networks; in Bishop 2006, Pattern recognition and machine learning, eq. 5.148,
    its mean eq. 5.158, its variance eq. 5.160.
    """

    routing: Routing
    experts: GaussianExpertOutput

    def log_likelihood_B(self, y_B: Tensor) -> Tensor:
        """log q(y|x) = logsumexp_e(log w_e + log N_e), in nats."""
        log_weights_BE = given(self.routing.log_weights_BE, "log_weights_BE")
        return (log_weights_BE + self.experts.log_likelihood_BE(y_B)).logsumexp(-1)

    def expert_log_likelihood_BE(self, y_B: Tensor) -> Tensor:
        """log N(y; mean_e, variance_e) of every expert, in nats."""
        return self.experts.log_likelihood_BE(y_B)

    @property
    def expert_hidden_BEH(self) -> Tensor:
        """The last hidden layer of every expert, before its ReLU."""
        return given(self.experts.hidden_BEH, "hidden_BEH")

    @property
    def prediction_B(self) -> Tensor:
        """The mean, sum_e w_e mean_e."""
        return (self.routing.weights_BE * self.experts.mean_BE).sum(-1)

    @property
    def variance_B(self) -> Tensor:
        """sum_e w_e (variance_e + (mean_e - mean)^2)."""
        squared_BE = (self.experts.mean_BE - self.prediction_B.unsqueeze(-1)).square()
        return (self.routing.weights_BE * (self.experts.variance_BE + squared_BE)).sum(-1)

    def scores(self, y_B: Tensor) -> dict[str, Tensor]:
        """What a sample adds to the sums of an epoch, besides its loss: its squared error."""
        return {"squared_errors": (y_B - self.prediction_B).square()}

    def stored(self, y_B: Tensor) -> dict[str, Tensor]:
        """The arrays of the test split that a run folder keeps of densities alone."""
        return {
            "log_density": self.log_likelihood_B(y_B),
            "expert_mean": self.experts.mean_BE,
            "expert_variance": self.experts.variance_BE,
        }


def _at_class(log_probs: Tensor, y: Tensor) -> Tensor:
    """The entry of the class y along the last axis of [..., C]."""
    index = y.unsqueeze(-1).expand(*log_probs.shape[:-1], 1)
    return log_probs.gather(-1, index).squeeze(-1)
