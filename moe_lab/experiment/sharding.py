"""What can be trained by several processes, and why other things cannot."""

from collections.abc import Iterator, Mapping

import torch

from moe_lab.config.build import class_of
from moe_lab.errors import ConfigError
from moe_lab.experiment.launch import launched
from moe_lab.experiment.machine import BACKENDS, device_of
from moe_lab.layers.convolution import BatchNorm2d
from moe_lab.mixture.dispatch import why_dense
from moe_lab.parts.baselines.none import Unchanged
from moe_lab.parts.gates.composed import ComposedGate
from moe_lab.parts.reasons import Reason
from moe_lab.parts.roles import Config, Experts, Gate, Objective, Regularizer
from moe_lab.training.learner import AnyLearner
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.network_learner import NetworkLearner
from moe_lab.training.recipes.end_to_end import EndToEnd

Parts = tuple[Experts, Gate, Objective | None, Mapping[str, Regularizer]]


def check_parallel(config: Config, learner: AnyLearner) -> None:
    """Raise ConfigError if several processes are asked for and cannot train this model."""
    parallel = config.get("parallel")
    if parallel is None:
        return
    _check_config(config)
    if any(isinstance(part, BatchNorm2d) for part in learner.modules()):
        _refuse("batch normalization takes statistics of a batch, and each process has some of it", "experts=mlp")
    for experts, gate, objective, regularizers in _mixtures(learner):
        if (reason := _why_not(experts, gate, objective, regularizers, parallel["statistics"])) is not None:
            _refuse(reason.lacks, "parallel=none")
        if experts.count < parallel["processes"]:
            raise ConfigError(
                f"parallel.processes={parallel['processes']} leaves a process without an expert: there are "
                f"{experts.count}; take parallel.processes={experts.count} or more experts"
            )


def _mixtures(learner: AnyLearner) -> Iterator[Parts]:
    """The mixture, or each mixture layer."""
    if isinstance(learner, MixtureLearner):
        yield learner.mixture.experts, learner.mixture.gate, learner.objective, learner.regularizers
    if isinstance(learner, NetworkLearner):
        for name, layer in learner.network.routed.items():
            yield layer.experts, layer.gate, None, learner.regularizers[name]


def _check_config(config: Config) -> None:
    if class_of(config["baseline"]) is not Unchanged:
        _refuse("a baseline has no experts to share", "baseline=none")
    if class_of(config["recipe"]) is not EndToEnd:
        _refuse(f"recipe {class_of(config['recipe']).__name__} asks the whole mixture", "recipe=end_to_end")
    if config["trainer"]["skip_untouched"]:
        _refuse("an expert's state in the optimizer belongs to one process", "trainer.skip_untouched=false")
    if config["trainer"]["dispatch"] == "dense":
        _refuse("no process has all experts", "trainer.dispatch=auto")
    device, processes = device_of(config).type, config["parallel"]["processes"]
    if device not in BACKENDS:
        _refuse(f"processes have no way to exchange tensors of device={device}", "device=cpu")
    if device == "cuda" and launched() is None and (gpus := torch.cuda.device_count()) < processes:
        _refuse(f"each of {processes} processes needs a GPU, and torch finds {gpus}", "device=cpu")


def _why_not(
    experts: Experts, gate: Gate, objective: Objective | None, regularizers: Mapping[str, Regularizer], statistics: str
) -> Reason | None:
    if experts.computing < experts.count:
        return Reason("experts without a network are not shared out")
    if experts.needs_fitting or gate.traits.needs_fitting:
        return Reason("what is fitted to a whole split needs every expert")
    if statistics == "global" and gate.traits.batch_dependent and not isinstance(gate, ComposedGate):
        return Reason("this gate ranks the samples of a batch by more than its scores")
    return why_dense(experts, gate, objective, regularizers)


def _refuse(reason: str, remedy: str) -> None:
    raise ConfigError(f"parallel=experts does not fit: {reason}; take {remedy}")
