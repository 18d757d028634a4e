"""Regularizers of statistics of a batch, which can also be taken within groups of its rows: the scope of balance."""

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from torch import Tensor
from torch.nn import functional

from moe_lab.errors import ConfigError
from moe_lab.parts.roles import AnyStep, Regularizer

#: the scope of a regularizer that does not say another
BATCH = "batch"
#: sums over rows, by what was summed, [..., X]
Sums = Mapping[str, Tensor]


class BatchStatistic(Regularizer):
    """A function of sums over the rows of a batch; with a scope, the mean over groups of rows of the function of each
    group's sums, every group weighted by its rows.

    scope: "batch"; "document", within each document (each image for its patches, each sequence for its tokens); or an
           attribute of rows such as "class", within the rows of each of its values.
    Source: Qiu et al. 2025, Demons in the detail: on implementing load balancing loss for training specialized
    mixture-of-expert models, arXiv:2501.11873 (what the scope does to specialization).
    """

    absent: ClassVar[Mapping[str, Any]] = {"scope": BATCH}

    def __init__(self, weight: float, scope: str) -> None:
        super().__init__(weight)
        self.scope = scope

    @abstractmethod
    def rows(self, step: AnyStep) -> dict[str, Tensor]:
        """What is summed over rows, by name, each [..., B, X]."""

    @abstractmethod
    def value(self, sums: Sums, count_1: Tensor) -> Tensor:
        """The function [...] of the sums [..., X] over ``count_1`` [..., 1] rows, of which there is at least one."""

    def forward(self, step: AnyStep) -> Tensor:
        """Raises KeyError if the step does not know the groups of the scope, which ``check_scopes`` has refused."""
        rows = self.rows(step)
        first = next(iter(rows.values()))
        if self.scope == BATCH:
            whole = first.new_full((1,), first.shape[-2])
            return self.value({name: one.sum(-2) for name, one in rows.items()}, whole)
        groups = step.groups[self.scope]
        member_BG = functional.one_hot(groups.number_B, groups.count).to(first.dtype)
        count_G = member_BG.sum(-2)
        # a group without rows has no value, and the weight zero
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
