"""The gate's network as a classifier."""

from moe_lab.config.build import build
from moe_lab.parts import Baseline, Config, ConfigError, Experts, Gate
from moe_lab.parts.networks.classifier import Classifier


class GateAsClassifier(Baseline):
    """The body of the gate with a linear layer for the classes: the gate's own performance without experts.

    In the paper's MNIST mixture the gate has 19 times the parameters of an expert, so a mixture should be compared with
    it.
    Raises ConfigError for a gate whose score has no body.
    """

    task = "classification"

    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts:
        body = config["gate"].get("score", {}).get("body")
        if body is None:
            raise ConfigError(
                "baseline=gate_as_classifier needs a gate with a network of its own: "
                "take gate/score=network or gate=attentive"
            )
        network = build(body, gate.sizes)
        return Experts(1, lambda: Classifier(network, gate.sizes.classes), network.width)
