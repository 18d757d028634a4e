"""Sums over the samples of an epoch, kept as tensors on the device, so that a step never waits for a number."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from moe_lab.routing.outputs import GaussianMixtureOutput, MixtureOutput

LN2 = math.log(2)

#: sum over samples, which the task's output names -> its column, and how that follows from the mean
SCORES: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "errors": ("error_rate", torch.clone),
    "squared_errors": ("rmse_sd", torch.sqrt),
}


class Tally:
    """What an epoch's rows of history are made from: summed loss and errors, entropies and usage of every expert.

    Written over trailing axes; ``sums`` holds float64 tensors (float32 on mps), and is what a checkpoint keeps. Of R
    runs in a stack each has its own numbers: ``of_run(r)`` is the tally that its solo run would have.
    """

    def __init__(self, sums: dict[str, Tensor] | None = None) -> None:
        self.sums = dict(sums or {})

    @torch.no_grad()
    def add(
        self,
        loss_B: Tensor,
        y_B: Tensor,
        output: MixtureOutput | GaussianMixtureOutput,
        extras: dict[str, Tensor] | None = None,
    ) -> None:
        """Add a batch; ``extras`` are values of the whole batch, averaged over batches."""
        shares_BE, routed_B = normalized(output.routing.weights_BE)
        usage_E = shares_BE.sum(-2)
        self._count("samples", y_B.shape[-1], loss_B.device)
        self._count("batches", 1, loss_B.device)
        self._add("loss_nats", loss_B.sum(-1))
        for name, score_B in output.scores(y_B).items():
            self._add(name, score_B.sum(-1))
        self._add("entropy_bits", entropy_of_shares_bits(shares_BE).sum(-1))
        load_E, routed = load(output.routing.weights_BE, routed_B), routed_B.sum(-1)
        self._add("usage_E", usage_E)
        self._add("load_E", load_E)
        self._add("selected_E", output.routing.selected_BE.sum(-2))
        self._add("routed", routed)
        self._add("largest_share", load_E.amax(-1) / routed.clamp(min=1))
        if "overflow_B" in output.routing.extras:
            self._add("overflow", output.routing.extras["overflow_B"].sum(-1))
        for name, value in (extras or {}).items():
            self._add(name, value)

    def clear(self) -> None:
        """All sums zero again, in the memory that they have."""
        for one in self.sums.values():
            one.zero_()

    def of_run(self, run: int) -> "Tally":
        """The sums of one run of a stack; what has no axis R (counts of samples) is the same for all."""
        own_axes = {name: int(name.endswith("_E")) for name in self.sums}
        return Tally({name: one[run] if one.ndim > own_axes[name] else one for name, one in self.sums.items()})

    def on_cpu(self) -> "Tally":
        """The same sums, fetched from the device at once."""
        return Tally({name: one.cpu() for name, one in self.sums.items()})

    def row(self, prefix: str) -> dict[str, float]:
        """The means: loss, error rate (of numbers: root mean squared error in sd of y), mean entropy of a sample's
        weights, entropy of the mean weights; and of a gate with capacity the share of its choices that was dropped."""
        samples, routed = self.sums["samples"], self.sums["routed"].clamp(min=1)
        values = {
            "loss_nats": self.sums["loss_nats"] / samples,
            **{name: of(self.sums[score] / samples) for score, (name, of) in SCORES.items() if score in self.sums},
            "sample_entropy_bits": self.sums["entropy_bits"] / routed,
            "usage_entropy_bits": entropy_of_shares_bits(self.sums["usage_E"] / routed),
        }
        if "overflow" in self.sums:
            values["overflow_share"] = self.sums["overflow"] / samples
        return {f"{prefix}_{name}": value.item() for name, value in values.items()}

    def mean(self, name: str) -> float:
        """The mean over batches of one of the extras."""
        return (self.sums[name] / self.sums["batches"]).item()

    def balance(self) -> dict[str, float]:
        """Each expert's share of the summed weights, and of the samples whose arg-max expert it is; how many samples of
        a batch select it; and how far the largest load of a batch exceeds the mean load. Means over batches."""
        routed = self.sums["routed"].clamp(min=1)
        usage, load_ = (self.sums[name] / routed for name in ("usage_E", "load_E"))
        selected = self.sums["selected_E"] / self.sums["batches"]
        return {
            **{f"usage_share_{e}": share for e, share in enumerate(usage.tolist())},
            **{f"load_share_{e}": share for e, share in enumerate(load_.tolist())},
            **{f"samples_a_step_{e}": count for e, count in enumerate(selected.tolist())},
            # (largest - mean) / mean = E largest / samples - 1
            "batch_max_violation": max(0.0, len(load_) * self.mean("largest_share") - 1),
        }

    def _count(self, name: str, number: int, device: torch.device) -> None:
        if name in self.sums:
            self.sums[name] += number
        else:
            self.sums[name] = torch.full((), number, dtype=_precision(device), device=device)

    def _add(self, name: str, value: Tensor) -> None:
        value = value.detach().to(_precision(value.device))
        if name in self.sums:
            self.sums[name] += value
        else:
            self.sums[name] = value.clone()


def normalized(weights_BE: Tensor) -> tuple[Tensor, Tensor]:
    """Rows divided by their sums, all-zero rows left zero, and which rows are not all zero."""
    total_B1 = weights_BE.sum(-1, keepdim=True)
    routed_B1 = total_B1 > 0
    return torch.where(routed_B1, weights_BE / total_B1, 0.0), routed_B1.squeeze(-1)


def entropy_of_shares_bits(shares_E: Tensor) -> Tensor:
    """-sum_e p_e log2 p_e over the last axis, with 0 log 0 = 0."""
    return torch.special.entr(shares_E).sum(-1) / LN2


def load(weights_BE: Tensor, routed_B: Tensor) -> Tensor:
    """How many samples have e as their arg-max expert (the lowest index of equals); [..., E]."""
    zeros_BE = torch.zeros_like(weights_BE)
    top_B1 = weights_BE.argmax(-1, keepdim=True)
    return zeros_BE.scatter(-1, top_B1, routed_B.unsqueeze(-1).to(zeros_BE.dtype)).sum(-2)


def _precision(device: torch.device) -> torch.dtype:
    """Apple's GPUs have no double precision."""
    return torch.float32 if device.type == "mps" else torch.float64
