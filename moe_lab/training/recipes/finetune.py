"""A recipe that continues a finished run with other data."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from torch import Tensor, nn

from moe_lab.config.ranges import Share
from moe_lab.layers.noise import Noise
from moe_lab.parts.networks.classifier import Classifier
from moe_lab.parts.reasons import Reason
from moe_lab.training.from_run import GATE, NETWORK, FromRun, fits, idle, take_over
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.network_learner import NetworkLearner
from moe_lab.training.options import Trainer
from moe_lab.training.recipe import Course, hold


class Finetune(FromRun):
    """Fine-tuning: a finished run is trained on other data of the same shape and number of classes, such as
    Fashion-MNIST after MNIST, or on other classes of the same set (``classes``).

    All parameters of the mixture, or of the network and all its mixture layers, are taken over. Objective,
    regularizers, optimizer and learning rate are this run's own. A frozen part gets no gradient, and its batch
    normalization uses its running statistics. Expert dropout sets each value of an expert's last hidden layer, after
    its ReLU, to zero with a probability r in training, and divides the others by 1 - r; the gate sees the whole layer.
    It is meant for small data, on which many experts overfit.
    Source: Fedus, Zoph and Shazeer 2021 (Switch Transformer), arXiv:2101.03961, sec. 2.4 (expert dropout: 0.4 inside
    experts, 0.1 elsewhere); Zoph et al. 2022 (ST-MoE), arXiv:2202.08906, sec. 4 (fine-tuning overfits; which parameters
    to update).

    run:            folder of the finished run, of the same shape, number of classes, experts and gate.
    freeze:         the frozen part: "none", the "experts", or the "gate".
    expert_dropout: the probability r; 0: no dropout.
    """

    def __init__(
        self, *, run: str, freeze: Literal["none", "experts", "gate"] = "none", expert_dropout: Share = 0.0
    ) -> None:
        super().__init__(run)
        self._freeze: Literal["none", "experts", "gate"] = freeze
        self._rate = expert_dropout
        self.needs_every_expert = expert_dropout > 0

    leads_networks = True

    def holds_experts(self, trainer: Trainer, epoch: int) -> bool:
        return self._freeze == "experts"

    def lack(self, learner: MixtureLearner, trainer: Trainer) -> Reason | None:
        if self._rate and (reason := self._no_dropout(learner)):
            return replace(reason, instead=(*reason.instead, "take recipe.expert_dropout=0"))
        if reason := super().lack(learner, trainer) if self._holds else self._other_experts(learner):
            return reason
        if self._freeze != "none" and (reason := idle(learner.mixture.gate, learner.regularizers, self._freeze)):
            return reason
        if not fits(learner.mixture.gate, self.state_of_run, GATE):
            lacks = f"needs a gate like that of {self._run}, and this one is another"
            return Reason(lacks, ("take its gate and experts.count",))
        return None

    def lack_in_network(self, learner: NetworkLearner) -> Reason | None:
        if self._rate:
            return Reason("drops features of one mixture's experts alone", ("take recipe.expert_dropout=0",))
        if not fits(learner.network, self.state_of_run, NETWORK):
            lacks = f"needs a network like that of {self._run}, and this one is another"
            return Reason(lacks, ("take its network, gate, experts and data set",))
        if self._freeze == "none":
            return None
        gates = ((layer.gate, learner.regularizers[name]) for name, layer in learner.network.routed.items())
        return next((reason for one in gates if (reason := idle(*one, self._freeze))), None)

    def apart(self, trainers: Sequence[Trainer]) -> Reason | None:
        """Always None: nothing depends on the number of epochs."""
        return None

    def begin(self, course: Course, records: Sequence[Record]) -> None:
        if isinstance(course.learner, NetworkLearner):
            take_over(course.learner.network, self.state_of_run, NETWORK)
            return
        super().begin(course, records)
        take_over(course.mixture.gate, self.state_of_run, GATE)

    def before_step(self, course: Course, epoch: int, batch: int) -> None:
        if isinstance(course.learner, NetworkLearner):
            for layer in course.learner.network.routed.values():
                hold(layer.experts, self._freeze == "experts")
                hold(layer.gate, self._freeze == "gate", drawing=True)
            return
        super().before_step(course, epoch, batch)
        mixture = course.mixture
        if self._freeze == "gate":
            hold(mixture.gate, True, drawing=True)
        if self._rate:
            mixture.experts.bank.drop = Dropout(self._rate, course.noise(f"expert_dropout/{epoch}/{batch}"))

    @property
    def _holds(self) -> bool:
        return self._freeze == "experts"

    def _no_dropout(self, learner: MixtureLearner) -> Reason | None:
        if self._holds:
            lacks = "needs experts that learn where some of what they compute is dropped"
            return Reason(lacks, ("take recipe.freeze=none",))
        if not isinstance(learner.mixture.experts.bank, Classifier):
            lacks = "needs classifiers with a hidden layer to drop from, and these experts are none"
            return Reason(lacks, ("take experts=mlp",))
        if not learner.mixture.dispatcher.every_expert:
            return Reason("needs all experts to run where it drops", ("take trainer.dispatch=dense",))
        return None


class Dropout(nn.Module):
    """Dropout: in training zero with probability ``rate``, else x / (1 - rate); in evaluation x.

    Source: Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov 2014, Dropout, scaled in training.
    """

    def __init__(self, rate: float, noise: Noise) -> None:
        super().__init__()
        self._rate = rate
        self._noise = noise

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return (x / (1 - self._rate)).masked_fill(self._noise.uniform(x) < self._rate, 0.0)
