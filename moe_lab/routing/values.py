"""Outputs of experts, mixture layers and whole networks whose experts do not predict by themselves.

Beside the legend of moe_lab/routing/decision.py: **T** rows of a layer, the tokens of all sequences of a batch. They
take the place of samples, so a layer's routing has the axes [..., T, E] in the fields that end in ``_BE``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from moe_lab.errors import given
from moe_lab.routing.combine import weighted_sum
from moe_lab.routing.decision import Routing


@dataclass(frozen=True)
class ValueOutput:
    """Outputs of experts inside a network: values, and their hidden layer *before* its activation."""

    values_BEO: Tensor
    hidden_BEH: Tensor | None

    def over_slots(self, log_shares_BES: Tensor) -> "ValueOutput":
        """The mean of every expert's values, and of its hidden features, over its S slots, of which these are the
        outputs [..., N S, E, O]; N documents of B / N rows each have slots of their own.

        log_shares_BES: logarithms of a row's weights, which sum to one over an expert's slots.
        """
        documents = self.values_BEO.shape[-3] // log_shares_BES.shape[-1]
        shares_NBES = log_shares_BES.exp().unflatten(-3, (documents, -1))
        values_BEO, hidden_BEH = (
            None
            if one is None
            else torch.einsum("...bes,...seo->...beo", shares_NBES, one.unflatten(-3, (documents, -1))).flatten(-4, -3)
            for one in (self.values_BEO, self.hidden_BEH)
        )
        return ValueOutput(given(values_BEO, "values"), hidden_BEH)

    def mix(self, weights_BE: Tensor) -> Tensor:
        """The weighted sum y_BO = sum_e w_e values_e. A row without any weight gives zeros."""
        return weighted_sum(weights_BE, self.values_BEO)


@dataclass(frozen=True)
class LayerOutput:
    """The output of a mixture layer for the rows of a batch.

    x_TD:    its input.
    y_TD:    the weighted sum of its experts' values; zero for a row that no expert has.
    experts: the outputs of every expert for every row; None if only the selected experts ran.
    """

    x_TD: Tensor
    y_TD: Tensor
    routing: Routing
    experts: ValueOutput | None

    @property
    def expert_hidden_BEH(self) -> Tensor:
        """The hidden layer of every expert, before its activation."""
        return given(given(self.experts, "the experts' output").hidden_BEH, "hidden_BEH")


@dataclass(frozen=True)
class NetworkOutput:
    """The output of a network of mixture layers for a batch: log-probabilities of the classes in nats, and the outputs
    of its mixture layers by name, in the order of the network."""

    log_probs_BC: Tensor
    layers: Mapping[str, LayerOutput]

    def log_likelihoods(self, y_B: Tensor) -> Tensor:
        """log q(y|x) of each prediction, in nats, with the axes of ``y_B``."""
        return self.log_probs_BC.gather(-1, y_B.expand(self.log_probs_BC.shape[:-1]).unsqueeze(-1)).squeeze(-1)

    def log_likelihood_B(self, y_B: Tensor) -> Tensor:
        """log q(y|x) of the class y of each sample, in nats."""
        return self.log_likelihoods(y_B)

    @property
    def prediction_B(self) -> Tensor:
        """The likeliest class of each prediction."""
        return self.log_probs_BC.argmax(-1)

    def scores(self, y_B: Tensor) -> dict[str, Tensor]:
        """What a sample adds to the sums of an epoch, besides its loss: whether its class is wrong."""
        return {"errors": self.prediction_B != y_B}


@dataclass(frozen=True)
class TokensOutput(NetworkOutput):
    """The output of a language model: predictions of the token that follows each token, so ``log_probs_BC`` and
    ``prediction_B`` have an axis S after B. A sample's value is the mean over its S predictions."""

    def log_likelihood_B(self, y_B: Tensor) -> Tensor:
        """The mean of log q(y|x) over the tokens y_BS of each sample, in nats."""
        return self.log_likelihoods(y_B).mean(-1)

    def scores(self, y_B: Tensor) -> dict[str, Tensor]:
        """The share of a sample's tokens that are wrong."""
        return {"errors": (self.prediction_B != y_B).to(self.log_probs_BC.dtype).mean(-1)}
