"""The root of a config: its groups and keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from moe_lab.config.ranges import Classes, Count, Seed
from moe_lab.data.dataset import Dataset
from moe_lab.loggers.base import Logger
from moe_lab.models.network import Network
from moe_lab.models.own import OwnParts
from moe_lab.parts.baseline import Baseline
from moe_lab.parts.controller import Controller
from moe_lab.parts.roles import Experts, Gate, Objective, Regularizer
from moe_lab.training.options import Trainer
from moe_lab.training.parallel import ExpertParallel
from moe_lab.training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """The root of a config: its groups, and keys that concern the whole run.

    network:    a network whose mixture layers are made of gate, experts, k, regularizers and controllers; null: one
                mixture is the model.
    parallel: how several processes train one model; null: one process.
    layers: settings of single mixture layers of the network, by block.
    k: experts selected per sample, or per row of a mixture layer; null: the gate's default.
    seed: seed of initialization, order of samples and noise.
    seed_init: seed of initialization alone; null: seed.
    seed_order: seed of the order of samples alone; null: seed.
    classes:    numbers of the classes whose samples are trained, validated and tested on; null: all. The mixture has an
                output for every class of the data set all the same.
    inference: how the trained mixture predicts, in evaluation only: "mixture" as it was trained, "argmax" with the
                expert of the largest weight, "sample" with one expert drawn by weight.
    difficulty_from: folder of a finished run of one network (baseline=single) on the same data; its loss on each test
        sample becomes the attribute ``difficulty``. It has no effect on training.
    device:     "auto" is CUDA if there is one, else the CPU; "mps" only by name.
    """

    #: option -> the value with which a job keeps the key that it had before the option existed
    absent: ClassVar[Mapping[str, Any]] = {"classes": None}

    dataset: Dataset
    experts: Experts
    gate: Gate
    objective: Objective
    network: Network | None = None
    layers: dict[str, OwnParts] = field(default_factory=dict)
    parallel: ExpertParallel | None = None
    baseline: Baseline
    recipe: Recipe
    trainer: Trainer
    loggers: dict[str, Logger] = field(default_factory=dict)
    regularizers: dict[str, Regularizer] = field(default_factory=dict)
    controllers: dict[str, Controller] = field(default_factory=dict)
    k: Count | None = None
    seed: Seed = 0
    seed_init: Seed | None = None
    seed_order: Seed | None = None
    classes: Classes | None = None
    inference: Literal["mixture", "argmax", "sample"] = "mixture"
    difficulty_from: str | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"


#: keys that are filled in from the parts -> the value that requests it
AUTO = {"k": None, "classes": None, "gate.combine": None, "trainer.dispatch": "auto", "parallel.processes": None}
