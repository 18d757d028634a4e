"""Temperature: lowered during training by a schedule, or controlled to reach a target entropy."""

import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from moe_lab.parts import (
    AnyStep,
    ConfigError,
    Controller,
    Gate,
    Positive,
    Range,
    Sizes,
    buffers_named,
    entropy_nats,
    hyper,
)

Temperatures = Annotated[tuple[Positive, ...], Range(min_length=1)]
#: schedule -> the options that only it reads; the others read "end"
READS = {"steps": ("steps",), "dual": ("target_bits", "rate")}
#: schedule -> its required option, and an example
NEEDS = {"steps": ("steps", "[10,1,0.1]"), "dual": ("target_bits", "1")}


class Temperature(Controller):
    """Changes the gate's temperature T; s is the share of the training steps that are done, 0 at the first.

    linear:      T = start + (end - start) s.
    exponential: T = start (end / start)^s.
    cosine:      T = end + (start - end) (1 + cos(pi s)) / 2.
    steps:       T = T_j in the j-th of as many equal parts of training as ``steps`` has temperatures.
    dual:        after each step log T grows by ``rate`` (H* - H), H the mean entropy of the samples' full distributions
                 in bits and H* = ``target_bits``: T rises if the entropy is below the target, and falls if it is above.
    The temperature of the last step stays in the model. It replaces the gate's own option.
    Source: Jang, Gu and Poole 2017, Categorical reparameterization with Gumbel-softmax, arXiv:1611.01144 (annealing);
    Haarnoja et al. 2018, Soft actor-critic algorithms and applications, arXiv:1812.05905, section 5 (dual).

    schedule:    "linear", "exponential", "cosine", "steps" or "dual".
    start:       T at the first step; not read by steps.
    end:         for the first three, T at the end of training (null: 0.1).
    steps:       for steps, the temperatures; required.
    target_bits: for dual, H*; required, less than log2 E.
    rate:        for dual, nats of log T per bit and step (null: 0.01).
    The temperature is logged. Needs a gate with ``temperature_11``. Raises ConfigError for numbers that the schedule
    does not read.
    """

    steers: ClassVar[str] = "temperature_11"

    def __init__(
        self,
        sizes: Sizes,
        *,
        schedule: Literal["linear", "exponential", "cosine", "steps", "dual"] = "exponential",
        start: Positive = 1.0,
        end: Positive | None = None,
        steps: Temperatures | None = None,
        target_bits: Positive | None = None,
        rate: Positive | None = None,
    ) -> None:
        _check(sizes, schedule, {"end": end, "steps": steps, "target_bits": target_bits, "rate": rate})
        super().__init__()
        self._schedule = schedule
        self._steps = steps or ()
        self.start = hyper(start)
        self.end = hyper(end or 0.1)
        self.target_bits = hyper(target_bits or 0.0)
        self.rate = hyper(rate or 0.01)
        self.temperature = nn.Buffer(torch.full((), start))

    def before_step(self, gate: Gate, progress: Tensor) -> None:
        start, end = self.start, self.end
        match self._schedule:
            case "linear":
                self.temperature.copy_(start + (end - start) * progress)
            case "exponential":
                self.temperature.copy_(start * (end / start) ** progress)
            case "steps":
                for number, temperature in enumerate(self._steps):
                    begun = progress >= number / len(self._steps)
                    self.temperature.copy_(torch.where(begun, temperature, self.temperature))
            case "cosine":
                self.temperature.copy_(end + (start - end) * (1 + (math.pi * progress).cos()) / 2)
        for temperature_11 in buffers_named(gate, self.steers):
            temperature_11.copy_(self.temperature[..., None, None])

    def after_step(self, step: AnyStep) -> None:
        if self._schedule == "dual":
            bits = entropy_nats(step.routing.probs_BE).mean(-1) / math.log(2)
            self.temperature.mul_((self.rate * (self.target_bits - bits)).exp())

    def readings(self) -> dict[str, Tensor]:
        return {"temperature": self.temperature}


def _check(sizes: Sizes, schedule: str, given: dict[str, Any]) -> None:
    """Check the options. ``given``: those that only some schedules read."""
    where, reads = "controllers.temperature", READS.get(schedule, ("end",))
    for name in sorted(name for name, value in given.items() if value is not None and name not in reads):
        owner = next((one for one, names in READS.items() if name in names), "linear, exponential and cosine")
        raise ConfigError(f"{where}: {name} belongs to schedule={owner}; schedule={schedule} has {', '.join(reads)}")
    if schedule in NEEDS and given[NEEDS[schedule][0]] is None:
        name, example = NEEDS[schedule]
        raise ConfigError(f"{where}: schedule={schedule} needs {name}, for example {where}.{name}={example}")
    most, target_bits = math.log2(sizes.experts), given["target_bits"]
    if target_bits is not None and target_bits >= most:
        raise ConfigError(
            f"{where}.target_bits={target_bits:g}: must be less than log2 E = {most:.3g}, which no temperature reaches"
        )
