"""Toy sets for regression with one input, from known components. Legend: N points, G components."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from moe_lab.config.ranges import NonNegative, Range
from moe_lab.data.dataset import Data
from moe_lab.data.standardize import regression_data
from moe_lab.data.toy import Drawn

TWO_PI = 2 * np.pi

Regimes = Annotated[int, Range(ge=2, le=20)]


@dataclass(frozen=True)
class Pairs:
    """``x_N`` and ``y_N`` in their own units, and ``component_N``, the component that each point comes from."""

    x_N: np.ndarray
    y_N: np.ndarray
    component_N: np.ndarray


class ToyRegression(Drawn):
    """Regression of one number on one number, both standardized by the training split. A subclass names them and the
    components of the points.
    """

    input_name: ClassVar[str] = "x"
    target_name: ClassVar[str] = "y"

    @property
    @abstractmethod
    def components(self) -> tuple[str, ...]:
        """Names of the G components."""

    @property
    def groups(self) -> int:
        return len(self.components)

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Pairs:
        """The points."""

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return (1,), ()

    def load(self) -> Data:
        pairs = self.draw(self.generator())
        return regression_data(
            pairs.x_N[:, None],
            pairs.y_N,
            self.split_points(pairs.component_N),
            target_name=self.target_name,
            input_name=self.input_name,
            truth=(self.truth, self.components, pairs.component_N),
        )


@dataclass(kw_only=True)
class ToyInverse(ToyRegression):
    """An inverse problem with up to three right answers: find t, given x = t + 0.3 sin(2 pi t) + noise.

    t is uniform in 0..1, the noise uniform in +-``noise``. Where the sine bends x back, three values of t give the same
    x, and their mean is none of them. The attribute ``branch`` is the monotonic piece of the curve that t lies on: its
    two turns are where 0.6 pi cos(2 pi t) = -1, at t = .339 and .661.

    noise: half the width of the uniform noise.

    Source: Bishop 1994, Mixture density networks, NCRG/94/004
    """

    name = "toy_inverse"
    truth = "branch"
    components = ("lower", "middle", "upper")
    target_name = "t"

    noise: NonNegative = 0.1

    def draw(self, rng: np.random.Generator) -> Pairs:
        t_N = rng.random(self.samples)
        x_N = t_N + 0.3 * np.sin(TWO_PI * t_N) + self.noise * (2 * rng.random(self.samples) - 1)
        turn = np.arccos(-1 / (0.3 * TWO_PI)) / TWO_PI
        return Pairs(x_N, t_N, np.digitize(t_N, [turn, 1 - turn]))


@dataclass(kw_only=True)
class ToyPiecewise(ToyRegression):
    """Straight lines one after the other: y rises in one stretch of x and falls in the next, with Gaussian noise.

    x is uniform in 0..G, y = 2 |x - 2 round(x / 2)| - 1 +
    noise: a zigzag between -1 and 1 of G regimes, so that two or more linear experts with a gate can describe it and
           one cannot. Every regime has the same distribution of y: only x tells them apart. The attribute ``regime``
           counts the stretches from 0.

    regimes: number of lines, G.
    noise:   sd of the noise.

    Source: moe-lab, for the linear experts of Jordan & Jacobs 1994, Hierarchical mixtures of experts and the EM
    algorithm
    """

    name = "toy_piecewise"
    truth = "regime"

    regimes: Regimes = 4
    noise: NonNegative = 0.1

    @property
    def components(self) -> tuple[str, ...]:
        return tuple(f"{'falling' if g % 2 else 'rising'} {g}" for g in range(self.regimes))

    def draw(self, rng: np.random.Generator) -> Pairs:
        regime_N = self.even_groups()
        x_N = regime_N + rng.random(self.samples)
        y_N = 2 * np.abs(x_N - 2 * np.round(x_N / 2)) - 1
        return Pairs(x_N, y_N + self.noise * rng.standard_normal(self.samples), regime_N)
