"""Regularizers of a batch's statistics, which may be computed within groups of its rows: the scope of balance."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from moe_lab.errors import ConfigError
from moe_lab.parts.roles import AnyStep, Regularizer

#: the default scope of a regularizer
BATCH = "batch"
#: name of the summed quantity -> its sums over rows, [..., X]
Sums = Mapping[str, Tensor]


class BatchStatistic(Regularizer):
    """A function of sums over the rows of a batch.

    With a scope, it is computed for each group of rows, and the result is the mean over groups, weighted by their rows.

    scope: "batch"; "document", within each document (each image for its patches, each sequence for its tokens); or an
           attribute of rows such as "class", within the rows of each of its values.
    Source: Qiu et al. 2025, Demons in the detail: on implementing load balancing loss for training specialized
    mixture-of-expert models, arXiv:2501.11873 (the effect of the scope on specialization).
    """

    absent: ClassVar[Mapping[str, Any]] = {"scope": BATCH}

    def __init__(self, weight: float, scope: str) -> None:
        super().__init__(weight)
        self.scope = scope

    @abstractmethod
    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        """The quantities to sum over rows, by name, each [..., B, X]."""

    @abstractmethod
    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        """The function [...] of the sums [..., X] over ``count_1`` [..., 1] rows, at least one."""

    def forward(self, step: AnyStep) -> Tensor:
        """The regularizer's value.

        Raises KeyError if the step lacks the scope's groups; ``check_scopes`` refuses this.
        """
        rows = self.rows(step)
        first = next(iter(rows.values()))
        if self.scope == BATCH:
            whole = first.new_full((1,), first.shape[-2])
            return self.value({name: one.sum(-2) for name, one in rows.items()}, whole)
        groups = step.groups[self.scope]
        member_BG = functional.one_hot(groups.number_B, groups.count).to(first.dtype)
        count_G = member_BG.sum(-2)
        # a group without rows has no value, and weight zero
        empty_G1 = (count_G == 0).unsqueeze(-1)
        sums = {name: (member_BG.mT @ one).masked_fill(empty_G1, 1.0) for name, one in rows.items()}
        value_G = self.value(sums, count_G.unsqueeze(-1).clamp(min=1))
        return (value_G * count_G / count_G.sum(-1, keepdim=True)).sum(-1)


def check_scopes(regularizers: Mapping[str, Regularizer], known: Collection[str]) -> None:
    """Raise ConfigError if the scope of a regularizer is neither the batch nor one of the ``known`` ones."""
    for name, one in regularizers.items():
        if isinstance(one, BatchStatistic) and one.scope not in (BATCH, *known):
            there = " or ".join([BATCH, *known])
            raise ConfigError(f"regularizers.{name}.scope={one.scope}: there is no such scope here; take {there}")
