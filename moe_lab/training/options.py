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
    batch_size:         samples a step; the last batch of an epoch may be smaller.
    optimizer:          "adam" (Kingma and Ba 2015, arXiv:1412.6980), "adamw" (Loshchilov and Hutter 2019,
                        arXiv:1711.05101), "sgd" with Nesterov-free momentum, or "normalized_gd" without: each tensor of
                        an expert moves by lr along its gradient, however long that is (Chen et al. 2022,
                        arXiv:2208.02813); the gate, by plain gradient descent.
    lr:                 learning rate at its highest.
    gate_lr:            of normalized_gd: the learning rate of what is not the experts', at its highest; null: lr.
    weight_decay:       L2 coupled to the gradient for adam and sgd, decoupled for adamw.
    momentum:           of sgd; adam and adamw have none.
    schedule:           of the learning rate after warm-up: "constant", "linear" to zero, "cosine" to zero
                        (Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts).
    warmup_steps:       steps over which the learning rate rises linearly from zero.
    limit_batches:      train on this many batches an epoch only; null: all.
    precision:          of the products of linear layers and convolutions in training: "float32", or "bf16", mixed
                        precision: faster where the machine multiplies bfloat16 in hardware. Parameters, everything else
                        and evaluation stay in float32; first convolutions that are done in one pass too.
    dispatch:           how training runs the experts: "dense", all on every sample; "sparse", those that the gate
                        selected, with the same values and gradients; "auto": what a table of measured shapes says is
                        faster (moe_lab/mixture/dispatch.csv). Evaluation runs all.
    skip_untouched:     leave an expert that no sample of the batch selected as it is, with its state in the optimizer
                        (momentum, weight decay, count of steps); otherwise its gradient is zero and the update goes on.
    threads:            CPU threads of torch; results differ in the last bit between thread counts.
    checkpoint_seconds: least time between two checkpoints; there is always one at the end.
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
                f"trainer.gate_lr={self.gate_lr:g} is of normalized_gd, and trainer.optimizer={self.optimizer}: leave "
                "it null, or take trainer.optimizer=normalized_gd"
            )

    @property
    def resolved(self) -> dict[str, Any]:
        """Options that decide nothing beside the others, with the value under which they count in a job's key."""
        return {} if self.optimizer == "sgd" else {"momentum": 0.0}
