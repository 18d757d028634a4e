"""How a mixture is trained: the ``trainer`` group of the config."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from moe_lab.config.ranges import Count, NonNegative, NonNegativeInt, Positive, Share, Threads
from moe_lab.errors import ConfigError
from moe_lab.layers.precision import Precision


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Mini-batch gradient descent for a number of epochs; the last epoch's model is evaluated.

    epochs:             passes over the training split.
    batch_size:         samples per step; the last batch of an epoch may be smaller.
    optimizer:          "adam" (Kingma and Ba 2015, arXiv:1412.6980), "adamw" (Loshchilov and Hutter 2019,
                        arXiv:1711.05101), "sgd" with heavy-ball momentum, or "normalized_gd": each tensor of an expert
                        moves by lr along its normalized gradient, the gate by plain gradient descent (Chen et al. 2022,
                        arXiv:2208.02813).
    lr: largest learning rate, before the schedule lowers it.
    gate_lr: largest learning rate of all other parameters with normalized_gd; null: lr.
    weight_decay:       L2 coupled to the gradient for adam and sgd, decoupled for adamw.
    momentum: momentum of sgd; not used by the others.
    schedule: learning rate after warm-up: "constant", "linear" to zero, "cosine" to zero (Loshchilov and Hutter 2017,
                        arXiv:1608.03983, without restarts).
    warmup_steps:       steps over which the learning rate rises linearly from zero.
    limit_batches: number of batches per epoch; null: all.
    precision: precision of the products of linear layers and convolutions in training: "float32", or "bf16", mixed
        precision, faster if the hardware multiplies bfloat16. Parameters, everything else and evaluation stay in
        float32, and so do first convolutions that are computed in one pass.
    dispatch: which experts run in training: "dense", all on every sample; "sparse", the selected ones, with the same
        values and gradients; "auto": the faster one by the measured times in moe_lab/mixture/dispatch.csv. Evaluation
        runs all.
    skip_untouched: leave an expert that no sample of the batch selected unchanged, including its optimizer state
        (momentum, weight decay, step count); otherwise it is updated with a zero gradient.
    threads:            CPU threads of torch; results differ in the last bit between thread counts.
    checkpoint_seconds: least time between two checkpoints; one is always written at the end.
    """

    epochs: Count = 50
    batch_size: Count = 64
    #: a later option changes no key of an earlier run
    absent: ClassVar[Mapping[str, Any]] = {"gate_lr": None}

    optimizer: Literal["adam", "adamw", "sgd", "normalized_gd"] = "adam"
    lr: Positive = 1e-3
    gate_lr: Positive | None = None
    weight_decay: NonNegative = 0.0
    momentum: Share = 0.9
    schedule: Literal["constant", "linear", "cosine"] = "constant"
    warmup_steps: NonNegativeInt = 0
    limit_batches: Count | None = None
    precision: Precision = "float32"
    dispatch: Literal["auto", "dense", "sparse"] = "auto"
    skip_untouched: bool = False
    threads: Threads = 1
    checkpoint_seconds: NonNegative = 30.0

    def __post_init__(self) -> None:
        if self.gate_lr is not None and self.optimizer != "normalized_gd":
            raise ConfigError(
                f"trainer.gate_lr={self.gate_lr:g} applies to normalized_gd, and trainer.optimizer={self.optimizer}: "
                "leave it null, or take trainer.optimizer=normalized_gd"
            )

    @property
    def resolved(self) -> dict[str, Any]:
        """Options without effect, given the others, with the value that they have in a job's key."""
        return {} if self.optimizer == "sgd" else {"momentum": 0.0}
