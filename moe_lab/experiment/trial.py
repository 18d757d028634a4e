"""One small batch through a user's own gates and regularizers, before a run of them gets a folder."""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from moe_lab.config.build import build
from moe_lab.config.plugins import loaded_plugins, plugin_files
from moe_lab.errors import ConfigError, UserError, expect, one_line
from moe_lab.experiment.models import build_model
from moe_lab.layers.noise import seeded
from moe_lab.parts.contract import check_routing, check_value
from moe_lab.parts.roles import Config, Gate, Regularizer
from moe_lab.training.learner import AnyLearner
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.network_learner import NetworkLearner

#: samples of the batch
ROWS = 32
#: keys of a config that name the parts that are tried
_TRIED = ("gate", "regularizers", "layers")


def try_own_parts(config: Config) -> None:
    """Raise ConfigError if a gate or a regularizer of a user's own file breaks the contract of its role on a batch of
    normally distributed inputs, in training or in evaluation.

    Nothing is built if there is none. The random numbers are of generators of its own. A model of several processes is
    not tried, because it need not fit one.
    """
    if config.get("parallel") is not None or not any(_names_own(config.get(key)) for key in _TRIED):
        return
    dataset = build(config["dataset"])
    shape, class_names = dataset.describe()
    with seeded(0, "trial"):
        learner = build_model(config, shape, len(class_names), seed_init=0)
        _try(learner, *_batch(shape, len(class_names), dataset.tokens))


def _batch(shape: tuple[int, ...], classes: int, tokens: bool) -> tuple[Tensor, Tensor]:
    """Inputs and targets as a data set's splits have them."""
    if tokens:
        x_BS = torch.randint(classes, (ROWS, prod(shape)))
        return x_BS, x_BS.roll(-1, -1)
    return torch.randn(ROWS, prod(shape)), torch.randint(classes, (ROWS,)) if classes else torch.randn(ROWS)


def _try(learner: AnyLearner, x_BD: Tensor, y_B: Tensor) -> None:
    for gate in (part for part in learner.modules() if isinstance(part, Gate)):
        if (name := _own_name(gate)) is not None:
            gate.register_forward_hook(_checked(name))
    noise = learner.noise([0], "trial", x_BD.device)
    with _failures_of(_first_own_name(learner)), torch.no_grad():
        learner.eval().predict(x_BD, noise)
    with _failures_of(_first_own_name(learner)):
        step = learner.train().step(x_BD, y_B, learner(x_BD, noise), noise)
    for several, of_step in _regularizers(learner, step):
        for key, regularizer in several.items():
            if (name := _own_name(regularizer)) is not None:
                with _failures_of(name):
                    value = regularizer(of_step)
                check_value(f"regularizer {key} ({name})", regularizer, value)


def _checked(name: str) -> Any:
    def check(gate: Gate, inputs: tuple[Any, ...], routing: object) -> None:
        check_routing(f"gate {name}", gate, inputs[0], routing)

    return check


def _regularizers(learner: AnyLearner, step: Any) -> Iterator[tuple[Mapping[str, Regularizer], Any]]:
    """The regularizers by name, and the step that they read, of a mixture or of each layer of a network."""
    if isinstance(learner, MixtureLearner):
        yield learner.regularizers, step
    else:
        several = expect(NetworkLearner, learner).regularizers
        for name, layer in step.layers.items():
            yield several[name], layer


def _names_own(node: Any) -> bool:
    """Whether a node of a config, or one in it, names a class of a user's own file."""
    if not isinstance(node, dict):
        return False
    module = str(node.get("_target_", "")).rpartition(".")[0]
    return module in loaded_plugins() or any(map(_names_own, node.values()))


def _own_name(part: nn.Module) -> str | None:
    """The name of the class of a part, or of the first part in it, that is of a user's own file; None if none is."""
    own = (type(one) for one in part.modules() if type(one).__module__ in loaded_plugins())
    return next((f"{cls.__module__}.{cls.__name__}" for cls in own), None)


def _first_own_name(learner: AnyLearner) -> str:
    gates = (part for part in learner.modules() if isinstance(part, Gate))
    return next((name for name in map(_own_name, gates) if name is not None), _own_name(learner) or "these parts")


@contextmanager
def _failures_of(name: str) -> Iterator[None]:
    """Within the block any other error becomes a ConfigError that names the class, and the line of a user's file."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        own = plugin_files()
        lines = [line for line in traceback.extract_tb(error.__traceback__) if Path(line.filename) in own]
        where = f" ({Path(lines[-1].filename).name}, line {lines[-1].lineno})" if lines else ""
        reason = f"{type(error).__name__}: {one_line(str(error))}"
        raise ConfigError(f"{name} fails for a first batch{where}: {reason}") from error
