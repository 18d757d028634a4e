"""Building the learner of a checked config: a mixture or a network, with objective, regularizers and controllers."""

from dataclasses import dataclass
from typing import Literal

from moe_lab.config.build import build, class_of
from moe_lab.data.dataset import Data
from moe_lab.errors import ConfigError
from moe_lab.experiment.building import build_learner, build_mixture, complete
from moe_lab.experiment.inputs import seeds_of
from moe_lab.experiment.machine import device_of
from moe_lab.experiment.networks import build_network_learner
from moe_lab.experiment.remedies import remedied
from moe_lab.experiment.sharding import check_parallel
from moe_lab.mixture.dispatch import Dispatch, faster, why_dense
from moe_lab.parts.checks import chosen_k, combine_rule
from moe_lab.parts.reasons import Unfit
from moe_lab.parts.roles import Combine, Config, Gate, Objective
from moe_lab.training.learner import AnyLearner
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.recipe import Recipe


def is_network(config: Config) -> bool:
    """Whether the config is of a network with mixture layers; otherwise one mixture is the model."""
    return config.get("network") is not None


def build_model(config: Config, shape: tuple[int, ...], classes: int, seed_init: int) -> AnyLearner:
    """A freshly initialized learner on the CPU. Raises ConfigError if parts do not fit each other."""
    check_samples(config)
    if is_network(config):
        return build_network_learner(config, shape, classes, seed_init)[0]
    return build_learner(config, shape, classes, seed_init)


def check_samples(config: Config) -> None:
    """Raise ConfigError if the data set's samples are tokens and the model reads none, or the other way round."""
    data, network = config["dataset"], config.get("network")
    reads = network is not None and class_of(network).reads_tokens
    if class_of(data).tokens and not reads:
        what = "one mixture" if network is None else class_of(network).__name__
        raise ConfigError(
            f"dataset {class_of(data).__name__} has tokens, which {what} cannot read: take network=language_model"
        )
    if reads and not class_of(data).tokens:
        raise ConfigError(
            f"network=language_model reads tokens, and dataset {class_of(data).__name__} has none: take "
            "dataset=text_modules, text_folder or markov_languages"
        )
    if reads and config.get("classes") is not None:
        raise ConfigError("classes chooses samples by their class, and windows of tokens have none: leave classes null")


def learner_of(config: Config, data: Data) -> AnyLearner:
    """The same on the data's device."""
    learner = build_model(config, data.shape, data.classes, seeds_of(config).init)
    return learner.to(data.train.x_ND.device)


@dataclass(frozen=True)
class ModelFacts:
    """Facts found by building a config's model: values of keys that were null or auto, and the parts of its key.

    k:        selected experts in the sense of the config's ``k``, before experts are divided into finer ones.
    combine:  the rule of combination; None in a network, whose layers sum values.
    dispatch: "auto" if layers of a network differ in it.
    """

    gate: Gate
    objective: Objective
    k: int
    combine: Combine | None
    dispatch: Dispatch


def model_facts(config: Config, shape: tuple[int, ...], classes: int) -> ModelFacts:
    """Build the model of a checked config to check that its parts fit. Raises ConfigError if they do not."""
    check_samples(config)
    if is_network(config):
        learner, gate = build_network_learner(config, shape, classes, seed_init=0)
        recipe: Recipe = build(config["recipe"])
        if reason := recipe.lack_in_network(learner):
            raise Unfit(f"recipe {class_of(config['recipe']).__name__}", reason)
        check_parallel(config, learner)
        ways = {layer.dispatcher.every_expert for layer in learner.network.routed.values()}
        dispatch: Dispatch = "auto" if len(ways) > 1 else "dense" if True in ways else "sparse"
        return ModelFacts(gate, build(config["objective"], gate.sizes), chosen_k(config), None, dispatch)
    mixture = build_mixture(config, shape, classes, seed_init=0)
    trained = complete(mixture, config, seed_init=0)
    recipe = build(config["recipe"])
    if reason := recipe.lack(trained, build(config["trainer"])):
        raise remedied(Unfit(f"recipe {class_of(config['recipe']).__name__}", reason), config, mixture.gate.sizes)
    check_parallel(config, trained)
    gate = mixture.gate
    return ModelFacts(gate, trained.objective, gate.sizes.k, combine_rule(gate), _dispatch(config, trained, recipe))


def _dispatch(config: Config, learner: MixtureLearner, recipe: Recipe) -> Literal["dense", "sparse"]:
    """The trainer's dispatch, and in place of "auto" the faster one that fits."""
    trainer, mixture = config["trainer"], learner.mixture
    if trainer["dispatch"] != "auto":
        return trainer["dispatch"]
    parts = mixture.experts, mixture.gate, learner.objective, dict(learner.regularizers)
    if config.get("parallel") is not None:
        return "sparse"
    if recipe.needs_every_expert or why_dense(*parts) is not None:
        return "dense"
    return faster(device_of(config).type, trainer["batch_size"], mixture.experts, mixture.gate.sizes.k)
