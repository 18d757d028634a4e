"""Roles, and the root of the config."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Literal

from moe_lab.config.ranges import Count, Seed


class Dataset(ABC):
    @abstractmethod
    def load(self) -> list[int]: ...


class Gate: ...


class Score: ...


class Options: ...


class Regularizer: ...


@dataclass(frozen=True, kw_only=True)
class Experiment:
    dataset: Dataset
    gate: Gate
    trainer: Options
    regularizers: dict[str, Regularizer] = field(default_factory=dict)
    k: Count | None = None
    seed: Seed = 0
    device: Literal["auto", "cpu"] = "auto"
