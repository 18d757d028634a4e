"""Sums over the samples of an epoch, stored as tensors on the device, so that no step waits for a number."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from moe_lab.routing.decision import Routing

LN2 = math.log(2)

#: name of a sum in the task's output -> its column, and the function that computes it from the mean
SCORES: dict[str, tuple[str, Callable[[Tensor], Tensor]]] = {
    "errors": ("error_rate", torch.clone),
    "squared_errors": ("rmse_sd", torch.sqrt),
}


def of_layer(layer: str) -> str:
    """The prefix of a layer's columns; empty for a mixture, whose layer has no name."""
    return f"{layer}_" if layer else ""


class Tally:
    """The sums behind an epoch's rows of history: loss, errors, entropies, and usage of every expert.

    Written over trailing axes. ``sums`` are float64 tensors (float32 on mps) and are stored in checkpoints. Each of R
    runs in a stack has its own numbers: ``of_run(r)`` is the tally of run r, equal to that of its solo run.
    """

    def __init__(self, sums: dict[str, Tensor] | None = None) -> None:
        self.sums = dict(sums or {})

    @torch.no_grad()
    def add(
        self,
        loss_B: Tensor,
        scores: Mapping[str, Tensor],
        routings: Mapping[str, Routing],
        extras: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Add a batch: the loss and the ``scores`` of its samples, each [..., B]; the routings by layer (the name is
        empty for a mixture); and ``extras``, values of the whole batch, which are averaged over batches."""
        self._count("samples", loss_B.shape[-1], loss_B.device)
        self._count("batches", 1, loss_B.device)
        self._add("loss_nats", loss_B.sum(-1))
        for name, score_B in scores.items():
            self._add(name, score_B.sum(-1))
        for layer, routing in routings.items():
            self._add_routing(of_layer(layer), routing)
        for name, value in (extras or {}).items():
            self._add(name, value)

    def _add_routing(self, layer: str, routing: Routing) -> None:
        shares_BE, routed_B = normalized(routing.weights_BE)
        if layer:
            self._count(f"{layer}rows", shares_BE.shape[-2], shares_BE.device)
        self._add(f"{layer}entropy_bits", entropy_of_shares_bits(shares_BE).sum(-1))
        load_E, routed = load(routing.weights_BE, routed_B), routed_B.sum(-1)
        self._add(f"{layer}usage_E", shares_BE.sum(-2))
        self._add(f"{layer}load_E", load_E)
        self._add(f"{layer}selected_E", routing.selected_BE.sum(-2))
        self._add(f"{layer}routed", routed)
        self._add(f"{layer}largest_share", load_E.amax(-1) / routed.clamp(min=1))
        if "overflow_B" in routing.extras:
            self._add(f"{layer}overflow", routing.extras["overflow_B"].sum(-1))

    def clear(self) -> None:
        """Set all sums to zero in place."""
        for one in self.sums.values():
            one.zero_()

    def of_run(self, run: int) -> "Tally":
        """The sums of one run of a stack; sums without axis R (counts of samples) are the same for all runs."""
        own_axes = {name: int(name.endswith("_E")) for name in self.sums}
        return Tally({name: one[run] if one.ndim > own_axes[name] else one for name, one in self.sums.items()})

    def on_cpu(self) -> "Tally":
        """The same sums on the CPU, transferred in one go."""
        return Tally({name: one.cpu() for name, one in self.sums.items()})

    def row(self, prefix: str) -> dict[str, float]:
        """The means: loss, error rate (in regression root mean squared error in sd of y), and of each layer the mean
        entropy of a row's weights, the entropy of the mean weights, and of a gate with capacity the share of its
        choices that was dropped. The columns of a layer begin with its name."""
        samples = self.sums["samples"]
        values = {f"{prefix}_loss_nats": self.sums["loss_nats"] / samples}
        values |= {
            f"{prefix}_{name}": of(self.sums[score] / samples)
            for score, (name, of) in SCORES.items()
            if score in self.sums
        }
        for layer in self._layers:
            routed = self.sums[f"{layer}routed"].clamp(min=1)
            values[f"{layer}{prefix}_sample_entropy_bits"] = self.sums[f"{layer}entropy_bits"] / routed
            values[f"{layer}{prefix}_usage_entropy_bits"] = entropy_of_shares_bits(
                self.sums[f"{layer}usage_E"] / routed
            )
            if f"{layer}overflow" in self.sums:
                rows = self.sums[f"{layer}rows"] if layer else samples
                values[f"{layer}{prefix}_overflow_share"] = self.sums[f"{layer}overflow"] / rows
        return {name: value.item() for name, value in values.items()}

    @property
    def _layers(self) -> list[str]:
        return [name.removesuffix("usage_E") for name in self.sums if name.endswith("usage_E")]

    def mean(self, name: str) -> float:
        """The mean of one of the extras over batches."""
        return (self.sums[name] / self.sums["batches"]).item()

    def balance(self) -> dict[str, float]:
        """Each expert's share of the summed weights, and of the samples whose arg-max expert it is; how many samples of
        a batch select it; and how far the largest load of a batch exceeds the mean load. Means over batches. The
        columns of a layer begin with its name."""
        return {name: value for layer in self._layers for name, value in self._balance_of(layer).items()}

    def _balance_of(self, layer: str) -> dict[str, float]:
        routed = self.sums[f"{layer}routed"].clamp(min=1)
        usage, load_ = (self.sums[f"{layer}{name}"] / routed for name in ("usage_E", "load_E"))
        selected = self.sums[f"{layer}selected_E"] / self.sums["batches"]
        return {
            **{f"{layer}usage_share_{e}": share for e, share in enumerate(usage.tolist())},
            **{f"{layer}load_share_{e}": share for e, share in enumerate(load_.tolist())},
            **{f"{layer}samples_a_step_{e}": count for e, count in enumerate(selected.tolist())},
            # (largest - mean) / mean = E largest / samples - 1
            f"{layer}batch_max_violation": max(0.0, len(load_) * self.mean(f"{layer}largest_share") - 1),
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
    """Number of samples whose arg-max expert is e (the lowest index among equal weights); [..., E]."""
    zeros_BE = torch.zeros_like(weights_BE)
    top_B1 = weights_BE.argmax(-1, keepdim=True)
    return zeros_BE.scatter(-1, top_B1, routed_B.unsqueeze(-1).to(zeros_BE.dtype)).sum(-2)


def _precision(device: torch.device) -> torch.dtype:
    """The type of sums on a device: float64, but float32 on Apple's GPUs, which have no double precision."""
    return torch.float32 if device.type == "mps" else torch.float64
