"""Building the learner of a network with mixture layers, and checking its config."""

from dataclasses import replace

import torch
from torch import Tensor

from moe_lab.config.build import build, class_of
from moe_lab.config.layered import LAYERS
from moe_lab.data.language.chains import log
from moe_lab.data.language.markov import MarkovLanguages
from moe_lab.errors import ConfigError, TaskError, there_are
from moe_lab.layers.noise import seeded
from moe_lab.mixture.dispatchers import for_every_expert
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.models.network import Layers, config_of_layer
from moe_lab.parts.baseline import Alone
from moe_lab.parts.baselines.bayes_router import BayesRouter, ChainRouter
from moe_lab.parts.baselines.dense import Dense
from moe_lab.parts.baselines.none import Unchanged
from moe_lab.parts.batch_statistics import check_scopes
from moe_lab.parts.checks import check_k
from moe_lab.parts.layer_checks import check_layer
from moe_lab.parts.objectives.cross_entropy import CrossEntropy
from moe_lab.parts.roles import Config, Gate
from moe_lab.tasks import TARGETS
from moe_lab.training.network_learner import NetworkLearner


def build_network_learner(
    config: Config, shape: tuple[int, ...], classes: int, seed_init: int
) -> tuple[NetworkLearner, Gate]:
    """The network that a checked config names, initialized on the CPU: each mixture layer from the generator of its own
    name, all else from that of ``network``; and the gate of a layer.

    Raises ConfigError if parts do not fit a network, or each other.
    """
    _check(config, classes)
    layers = _layers(config, seed_init)
    with seeded(seed_init, "network"):
        network = build(config["network"], shape, classes, layers)
    if unknown := config.get(LAYERS, {}).keys() - network.routed.keys():
        there = there_are(network.routed)
        raise ConfigError(f"layers.{min(unknown)}: the network has no such mixture layer.{there}")
    for regularizers in layers.regularizers.values():
        check_scopes(regularizers, network.scopes)
    return NetworkLearner(network, classes, layers.regularizers, layers.controllers), layers.gate


def _layers(config: Config, seed: int) -> Layers:
    """The factory of the mixture layers, or of the dense networks that a baseline puts in their places."""
    baseline = class_of(config["baseline"])
    if baseline is Unchanged:
        return Layers(config, seed)
    if baseline is not BayesRouter:
        return _Twins(config, seed)
    data = build(config["dataset"])
    if not isinstance(data, MarkovLanguages):
        raise ConfigError(
            f"baseline=bayes_router knows which chains documents are drawn from, and of dataset {type(data).__name__} "
            "none are known: take network=language_model dataset=markov_languages"
        )
    tables = (torch.from_numpy(log(one)) for one in (data.drawn.start_MV, data.drawn.transition_MVV))
    return _Told(config, seed, *tables)


class _Told(Layers):
    """Factory of layers whose gate is a router that knows the Markov chains."""

    def __init__(self, config: Config, seed: int, *tables: Tensor) -> None:
        super().__init__(config, seed)
        self._tables = tables

    def __call__(self, name: str, width: int, places: int) -> RoutedExperts:
        layer = super().__call__(name, width, places)
        self.gate = ChainRouter(layer.gate.sizes, *self._tables)
        check_k(self.gate)
        check_layer(self.gate, self.regularizers[name])
        dispatcher = layer.dispatcher
        return RoutedExperts(
            layer.experts, self.gate, for_every_expert(self.gate) if dispatcher.every_expert else dispatcher
        )


class _Twins(Layers):
    """Factory of dense networks in place of mixture layers, as wide as the config's baseline requires."""

    def __call__(self, name: str, width: int, places: int) -> RoutedExperts:
        layer, own = super().__call__(name, width, places), config_of_layer(self._config, name)
        hidden = layer.experts.hidden_features
        config = {**own, "experts": {**own["experts"], "hidden": hidden, "fine_grained": 1}}
        with seeded(self._seed, f"{name}/baseline"):
            dense = build(config["baseline"]).replace(config, layer.experts, layer.gate)
        alone = Alone(replace(layer.gate.sizes, experts=1, k=1, hidden=dense.hidden_features, idle=0))
        check_layer(alone, self.regularizers[name])
        return RoutedExperts(dense, alone, for_every_expert(alone))


def _check(config: Config, classes: int) -> None:
    """Raise ConfigError for settings that have no meaning in a network of mixture layers."""
    if not classes:
        raise TaskError(
            f"networks are for {TARGETS['classification']}, and this data set's targets are {TARGETS['regression']}"
        )
    if class_of(config["objective"]) is not CrossEntropy:
        raise ConfigError(
            f"objective {class_of(config['objective']).__name__} trains one mixture, and a network learns from the "
            "cross entropy of its prediction: take objective=cross_entropy, and gate=top_k if the gate chooses another"
        )
    if config["inference"] != "mixture":
        raise ConfigError(f"inference={config['inference']} is for one mixture: take inference=mixture")
    if not issubclass(class_of(config["baseline"]), (Unchanged, Dense, BayesRouter)):
        raise ConfigError(
            f"baseline {class_of(config['baseline']).__name__} stands in for one mixture: take baseline=dense_active "
            "or dense_total, which put a dense network in place of each mixture layer"
        )
    if class_of(config["baseline"]) is Dense and config["network"].get("shared_experts"):
        raise ConfigError("a dense baseline has no shared experts: take network.shared_experts=0")
    if not class_of(config["recipe"]).leads_networks:
        raise ConfigError(
            f"recipe {class_of(config['recipe']).__name__} leads the training of one mixture: take recipe=end_to_end "
            "or finetune"
        )
    if config["trainer"]["optimizer"] == "normalized_gd":
        raise ConfigError("trainer.optimizer=normalized_gd is for one mixture: take adam, adamw or sgd")
    if config["trainer"]["skip_untouched"]:
        raise ConfigError("trainer.skip_untouched is for one mixture: take trainer.skip_untouched=false")
