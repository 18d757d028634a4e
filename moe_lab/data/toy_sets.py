"""The 2-D toy sets. Legend: N points, K clusters."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np

from moe_lab.config.ranges import NonNegative, Positive, Range
from moe_lab.data.toy import Points, Toy, numbered
from moe_lab.errors import ConfigError

CANDIDATES = 1000
SPREAD = 0.06
GAUSSIAN_CENTRES = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 0.0]])

Clusters = Annotated[int, Range(ge=2, le=100)]
Cells = Annotated[int, Range(ge=1, le=100)]
Factor = Annotated[float, Range(gt=0, lt=1)]


@dataclass(kw_only=True)
class ToyClusters(Toy):
    """Points in the plane in round clusters, each of which is a class.

    The centres are picked among 1,000 uniform points of the unit disc: the first at random, each next with a
    probability in proportion to its squared distance from the nearest one picked before (k-means++ sampling). Around
    them lie Gaussians whose sd is .06 times the smallest squared distance between two centres. The attribute
    ``cluster`` is the class.

    classes: number of clusters.

    Source: the toy data of the reference code of Krishnamurthy, Watkins & Gaertner 2023, arXiv:2302.14703; Arthur &
    Vassilvitskii 2007, "k-means++: the advantages of careful seeding"
    """

    name = "toy_clusters"
    truth = "cluster"

    classes: Clusters = 6

    @property
    def groups(self) -> int:
        return self.classes

    @property
    def class_names(self) -> tuple[str, ...]:
        return numbered(self.classes)

    def draw(self, rng: np.random.Generator) -> Points:
        centre_K2 = spread_out(uniform_disc(CANDIDATES, rng), self.classes, rng)
        sd = SPREAD * smallest_squared_distance(centre_K2)
        cluster_N = self.even_groups()
        return Points(centre_K2[cluster_N] + sd * rng.standard_normal((self.samples, 2)), cluster_N, cluster_N)


@dataclass(kw_only=True)
class ToyCheckerboard(Toy):
    """Points in the plane on a board of black and white squares, whose colour is the class.

    Uniform in each cell, the same number in all. Cells are squares, the board's longer side goes from -1 to 1, and its
    middle is the origin, about which it is turned. Class = (column + row) mod 2; the attribute ``cell`` is
    row * columns + column.

    columns, rows: cells along x and y before the turn, two cells in all at least.
    degrees:       the angle of rotation, counterclockwise.
    Raises ConfigError if there is one cell only.

    Source: the toy data of the reference code of Krishnamurthy, Watkins & Gaertner 2023, arXiv:2302.14703 (4 x 4 and
    3 x 2 cells, also rotated)
    """

    name = "toy_checkerboard"
    truth = "cell"
    class_names = ("white", "black")

    columns: Cells = 4
    rows: Cells = 4
    degrees: float = 0.0

    def __post_init__(self) -> None:
        if self.columns * self.rows < 2:
            raise ConfigError("dataset.columns=1 dataset.rows=1: one cell is one class only; give two cells or more")
        super().__post_init__()

    @property
    def groups(self) -> int:
        return self.columns * self.rows

    def draw(self, rng: np.random.Generator) -> Points:
        cell_N = self.even_groups()
        corner_N2 = np.stack([cell_N % self.columns, cell_N // self.columns], axis=-1)
        sides_2 = np.array([self.columns, self.rows])
        x_N2 = (2 * (corner_N2 + rng.random((self.samples, 2))) - sides_2) / sides_2.max()
        return Points(rotated(x_N2, self.degrees), corner_N2.sum(axis=-1) % 2, cell_N)


@dataclass(kw_only=True)
class ToyCircles(Toy):
    """Points in the plane on two circles about the origin, each of which is a class.

    Evenly spaced on a circle of radius 1 (class 0) and one of radius ``factor`` (class 1), each coordinate with
    Gaussian noise: what scikit-learn's ``make_circles`` makes, with moe-lab's own random numbers. The attribute
    ``ring`` is the class.

    factor: radius of the inner circle.
    noise:  sd of the noise.

    Source: the toy data of the reference code of Krishnamurthy, Watkins & Gaertner 2023, arXiv:2302.14703
    """

    name = "toy_circles"
    truth = "ring"
    class_names = ("outer", "inner")
    groups = 2

    factor: Factor = 0.5
    noise: NonNegative = 0.11

    def draw(self, rng: np.random.Generator) -> Points:
        ring_N = self.even_groups()
        angle_N = 2 * np.pi * (np.arange(self.samples) // 2) / np.bincount(ring_N)[ring_N]
        radius_N = np.where(ring_N == 0, 1.0, self.factor)
        x_N2 = radius_N[:, None] * np.stack([np.cos(angle_N), np.sin(angle_N)], axis=-1)
        return Points(x_N2 + self.noise * rng.standard_normal((self.samples, 2)), ring_N, ring_N)


@dataclass(kw_only=True)
class ToyGaussians(Toy):
    """Points in the plane from three Gaussians in a row, the middle one of which is a class and the outer two another.

    Centres (-1, 0), (0, 0) and (1, 0), which with the sd are moe-lab's own choice. No straight line parts the classes,
    but two experts with a line each do. The attribute ``component`` is the Gaussian, 0 to 2 from left to right.

    sd: standard deviation of each coordinate.

    Source: the toy data of the reference code of Krishnamurthy, Watkins & Gaertner 2023, arXiv:2302.14703 (three
    Gaussians with two labels)
    """

    name = "toy_gaussians"
    truth = "component"
    class_names = ("outer", "middle")
    groups = 3

    sd: Positive = 0.2

    def draw(self, rng: np.random.Generator) -> Points:
        component_N = self.even_groups()
        x_N2 = GAUSSIAN_CENTRES[component_N] + self.sd * rng.standard_normal((self.samples, 2))
        return Points(x_N2, component_N % 2, component_N)


def uniform_disc(count: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform points (count, 2) of the unit disc: the squared radius is uniform, and so is the angle."""
    radius_N, angle_N = np.sqrt(rng.random(count)), 2 * np.pi * rng.random(count)
    return np.stack([radius_N * np.cos(angle_N), radius_N * np.sin(angle_N)], axis=-1)


def spread_out(candidate_N2: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` of the candidates, picked as k-means++ picks its centres (Arthur & Vassilvitskii 2007)."""
    chosen = [int(rng.random() * len(candidate_N2))]
    nearest_N = np.full(len(candidate_N2), np.inf)
    while len(chosen) < count:
        nearest_N = np.minimum(nearest_N, ((candidate_N2 - candidate_N2[chosen[-1]]) ** 2).sum(axis=-1))
        sums_N = np.cumsum(nearest_N)
        chosen.append(int(np.searchsorted(sums_N, rng.random() * sums_N[-1], side="right")))
    return candidate_N2[chosen]


def smallest_squared_distance(point_K2: np.ndarray) -> float:
    """Between two different ones of the points."""
    square_KK = ((point_K2[:, None] - point_K2) ** 2).sum(axis=-1)
    return float(square_KK[np.triu_indices(len(point_K2), 1)].min())


def rotated(x_N2: np.ndarray, degrees: float) -> np.ndarray:
    """The points turned counterclockwise about the origin."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return x_N2 @ np.array([[cos, sin], [-sin, cos]])
