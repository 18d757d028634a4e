"""Experts that are trained independently, and a linear model of their predictions."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from moe_lab.parts import (
    Baseline,
    Combination,
    Computed,
    Config,
    ConfigError,
    ExpertOutput,
    Experts,
    Gate,
    GroupedRows,
    Labelled,
    MixtureOutput,
    Positive,
    Routing,
    count_parameters,
    expect,
    log_softmax,
)


class Stacking(Baseline):
    """The mixture's E experts, trained independently on all samples, and a logistic regression on their predictions.

    The combiner is scikit-learn's LogisticRegression, multinomial with an L2 penalty, on the experts' E C
    probabilities. It is fitted after every epoch to the validation split, which the experts are not trained on
    (held-out predictions). So validation values in the history are of samples that the combiner was fitted to, and only
    the test split is unbiased. A class without validation samples has probability 1 / (M + C), M the number of
    validation samples. There is no gate: the combiner's weights are the same for every input. In training the
    log-probabilities are the mean of the experts', not normalized, so that the cross entropy is the mean of theirs, and
    each has its own gradient.
    Source: Wolpert 1992, Stacked generalization; Ting and Witten 1999, Issues in stacked generalization (probabilities
    and a linear combiner).

    C: inverse of the penalty's weight, as in scikit-learn.
    Raises ConfigError without a validation split.
    """

    task = "classification"

    def __init__(self, *, C: Positive = 1.0) -> None:
        self._C = C

    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts:
        if config["dataset"].get("validation_share") == 0:
            raise ConfigError(
                "baseline=stacking fits its combiner to the validation split, and there is none: raise "
                "dataset.validation_share"
            )
        return Stacked(experts, gate.sizes.classes, self._C)


@dataclass(frozen=True)
class EachAlone(ExpertOutput):
    """The mean log-probabilities of several experts, not normalized, so that they are not trained as a product."""

    def mix(self, routing: Routing, combine: Combination) -> MixtureOutput:
        return MixtureOutput(routing, self, self.log_probs_BEC.squeeze(-2))


class Stacked(Experts):
    """One expert made of several independently trained ones and their combiner.

    Axis: F = E C, inputs of the combiner.
    """

    needs_fitting = True

    def __init__(self, several: Experts, classes: int, C: float) -> None:
        nn.Module.__init__(self)
        self.count = 1
        self.hidden_features = None
        self.several = several
        self._C = C
        self.weight_FC = nn.Buffer(torch.zeros(several.count * classes, classes))
        self.bias_1C = nn.Buffer(torch.zeros(1, classes))
        #: log-probability of the classes that the combiner was not fitted to, -inf for the others
        self.unseen_1C = nn.Buffer(torch.full((1, classes), -torch.inf))

    def compute(self, inputs: Tensor | GroupedRows) -> Computed:
        """No hidden layer (None), and the combiner's log-probabilities, in training the mean of the experts'."""
        log_probs_BEC = self.several(expect(Tensor, inputs).squeeze(-3)).log_probs_BEC
        if self.training:
            return None, log_probs_BEC.mean(-2).unsqueeze(-3)
        unseen_1C = self.unseen_1C
        logits_BC = log_probs_BEC.exp().flatten(-2) @ self.weight_FC + self.bias_1C
        seen_BC = log_softmax(logits_BC.masked_fill(unseen_1C > -torch.inf, -torch.inf))
        left_11 = torch.log1p(-unseen_1C.exp().sum(-1, keepdim=True))
        return None, torch.maximum(seen_BC + left_11, unseen_1C).unsqueeze(-3)

    def output(self, last_EBO: Tensor, hidden_BEH: Tensor | None) -> ExpertOutput:
        return (EachAlone if self.training else ExpertOutput)(last_EBO.transpose(-3, -2), hidden_BEH)

    def fit(self, training: Labelled, held_out: Labelled) -> None:
        x_MD, y_M = held_out
        if not len(y_M):
            raise ConfigError("baseline=stacking fits its combiner to the validation split, and there is none")
        probs_MF = self.several(x_MD).log_probs_BEC.exp().flatten(-2).detach()
        classes = self.bias_1C.shape[-1]
        of_runs = probs_MF.reshape(-1, *probs_MF.shape[-2:])
        fitted = [_fitted(one_MF, y_M, classes, self._C) for one_MF in of_runs]
        for buffer, values in zip((self.weight_FC, self.bias_1C), zip(*fitted, strict=True), strict=True):
            buffer.copy_(torch.stack(values).reshape(buffer.shape))
        unseen_C = torch.bincount(y_M, minlength=classes) == 0
        self.unseen_1C.copy_(torch.where(unseen_C, -math.log(len(y_M) + classes), -torch.inf))

    @property
    def parameter_count(self) -> int:
        return count_parameters(self.several) + self.weight_FC.numel() + self.bias_1C.numel()


def _fitted(probs_MF: Tensor, y_M: Tensor, classes: int, C: float) -> tuple[Tensor, Tensor]:
    """Weights [F, C] and constants [1, C] of the logits; zero for absent classes."""
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(C=C, max_iter=1000).fit(probs_MF.double().cpu().numpy(), y_M.cpu().numpy())
    own_CF, own_C = (torch.from_numpy(one).float() for one in (found.coef_, found.intercept_))
    if len(found.classes_) == 2:
        # for two classes scikit-learn stores only the second one's logit; the first one's is zero
        own_CF, own_C = (torch.cat((torch.zeros_like(one), one)) for one in (own_CF, own_C))
    weight_FC, bias_1C = torch.zeros(probs_MF.shape[-1], classes), torch.zeros(1, classes)
    seen = torch.from_numpy(found.classes_)
    weight_FC[:, seen], bias_1C[:, seen] = own_CF.mT, own_C
    return weight_FC, bias_1C
