import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from scipy.stats import chisquare, kstest
from sklearn.cluster import KMeans
from sklearn.datasets import make_circles
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score

from moe_lab.data.toy_sets import (
    ToyCheckerboard,
    ToyCircles,
    ToyClusters,
    ToyGaussians,
    rotated,
    smallest_squared_distance,
    spread_out,
    uniform_disc,
)
from moe_lab.errors import ConfigError


def drawn(dataset):
    return dataset.draw(np.random.default_rng(0))


def test_clusters_lie_as_far_as_they_should():
    points = drawn(ToyClusters(samples=60_000))
    centre_K2 = np.stack([points.x_N2[points.group_N == k].mean(axis=0) for k in range(6)])
    sd = 0.06 * pdist(centre_K2, "sqeuclidean").min()
    # the means of 10,000 points are within 5 sd / 100 of the centres
    residual_N2 = points.x_N2 - centre_K2[points.group_N]
    assert residual_N2.std() == pytest.approx(sd, rel=0.02)
    assert kstest(residual_N2[:, 0] / sd, "norm").pvalue > 1e-3
    assert (np.linalg.norm(centre_K2, axis=1) < 1.01).all()
    assert np.array_equal(points.y_N, points.group_N)


def test_clusters_are_found_by_k_means():
    points = drawn(ToyClusters())
    found = KMeans(6, n_init=10, random_state=0).fit_predict(points.x_N2)
    assert adjusted_rand_score(points.group_N, found) > 0.99


def test_as_many_clusters_as_asked_for():
    dataset = ToyClusters(classes=3, samples=100)
    assert dataset.describe() == ((2,), ("0", "1", "2"))
    assert np.bincount(drawn(dataset).y_N).tolist() == [34, 33, 33]


def test_the_default_points_are_frozen():
    # other numbers would make every earlier run incomparable
    x_N2 = ToyClusters().load().test.x_ND
    torch.testing.assert_close(x_N2[0], torch.tensor([0.277976, 0.562232]), rtol=0, atol=1e-5)


def test_the_disc_is_filled_evenly():
    x_N2 = uniform_disc(20_000, np.random.default_rng(0))
    assert kstest((x_N2**2).sum(axis=1), "uniform").pvalue > 1e-3
    assert kstest(np.arctan2(*x_N2.T) / (2 * np.pi) + 0.5, "uniform").pvalue > 1e-3


def test_centres_are_picked_by_squared_distance():
    # on a line at 0, 1 and 3: after 0 the second is 1 with 1/10, 3 with 9/10; after 1 it is 0 with 1/5, 3 with 4/5;
    # after 3 it is 0 with 9/13, 1 with 4/13
    candidate_N2 = np.array([[0.0, 0], [1, 0], [3, 0]])
    rng = np.random.default_rng(0)
    places = {0: 0, 1: 1, 3: 2}
    counts = np.zeros((3, 3))
    for _ in range(9000):
        first, second = (places[int(x)] for x in spread_out(candidate_N2, 2, rng)[:, 0])
        counts[first, second] += 1
    expected = 3000 * np.array([[0, 1 / 10, 9 / 10], [1 / 5, 0, 4 / 5], [9 / 13, 4 / 13, 0]])
    off = ~np.eye(3, dtype=bool)
    assert (counts[~off] == 0).all()
    assert chisquare(counts[off], expected[off]).pvalue > 1e-3


def test_the_third_centre_counts_from_the_nearest():
    # from 0 and 10 chosen, 4 has squared distance 16 and 9 has 1: 4 comes 16 times in 17
    candidate_N2 = np.array([[0.0, 0], [4, 0], [9, 0], [10, 0]])
    rng = np.random.default_rng(0)
    thirds = [
        picked[2, 0]
        for picked in (spread_out(candidate_N2, 3, rng) for _ in range(4000))
        if {0, 10} == set(picked[:2, 0])
    ]
    share = np.mean(np.array(thirds) == 4)
    # over 1000 draws the sd is sqrt(16/17 x 1/17 / 1000) = .0075
    assert len(thirds) > 1000 and share == pytest.approx(16 / 17, abs=0.03)


def test_smallest_squared_distance_by_hand():
    assert smallest_squared_distance(np.array([[0.0, 0], [3, 4], [3, 2]])) == 4  # between the last two


@pytest.mark.parametrize(("columns", "rows"), [(4, 4), (3, 2), (1, 2)])
def test_the_board_by_hand(columns, rows):
    points = drawn(ToyCheckerboard(columns=columns, rows=rows, samples=1200))
    side = 2 / max(columns, rows)
    column_N = np.floor((points.x_N2[:, 0] + columns * side / 2) / side).astype(int)
    row_N = np.floor((points.x_N2[:, 1] + rows * side / 2) / side).astype(int)
    assert np.array_equal(points.group_N, row_N * columns + column_N)
    assert np.array_equal(points.y_N, (row_N + column_N) % 2)
    assert set(points.group_N) == set(range(columns * rows))
    assert np.abs(points.x_N2).max() <= 1


def test_a_cell_is_filled_evenly():
    points = drawn(ToyCheckerboard(samples=32_000))
    x_N2 = points.x_N2[points.group_N == 0]
    # the first of four cells goes from -1 to -.5
    assert all(kstest((axis_N + 1) * 2, "uniform").pvalue > 1e-3 for axis_N in x_N2.T)


def test_a_turned_board_is_the_same_board_turned():
    straight, turned = drawn(ToyCheckerboard()), drawn(ToyCheckerboard(degrees=30.0))
    complex_N = (straight.x_N2 @ np.array([1, 1j])) * np.exp(1j * np.pi / 6)
    np.testing.assert_allclose(turned.x_N2, np.stack([complex_N.real, complex_N.imag], axis=-1), atol=1e-12)
    assert np.array_equal(straight.y_N, turned.y_N)
    # a quarter turn takes (1, 0) to (0, 1)
    np.testing.assert_allclose(rotated(np.array([[1.0, 0.0]]), 90.0), [[0.0, 1.0]], atol=1e-15)


def test_a_board_of_one_cell():
    with pytest.raises(ConfigError, match="one cell is one class only; give two cells or more"):
        ToyCheckerboard(columns=1, rows=1)


def test_too_many_cells_for_the_points():
    with pytest.raises(ConfigError, match="too few for the 10000 groups of toy_checkerboard; give 50000 or more"):
        ToyCheckerboard(columns=100, rows=100)


def test_circles_without_noise_are_scikit_learns():
    points = drawn(ToyCircles(noise=0.0, factor=0.3, samples=100))
    x_N2, y_N = make_circles(100, factor=0.3, shuffle=False)
    for ring in (0, 1):
        np.testing.assert_allclose(points.x_N2[points.y_N == ring], x_N2[y_N == ring], atol=1e-12)
    assert np.array_equal(points.y_N, points.group_N)


def test_the_noise_of_circles():
    clean, noisy = drawn(ToyCircles(noise=0.0, samples=20_000)), drawn(ToyCircles(samples=20_000))
    assert kstest(((noisy.x_N2 - clean.x_N2) / 0.11).ravel(), "norm").pvalue > 1e-3


def test_gaussians_by_hand():
    points = drawn(ToyGaussians(samples=30_000, sd=0.4))
    for component, (label, left) in enumerate([(0, -1.0), (1, 0.0), (0, 1.0)]):
        chosen_N = points.group_N == component
        assert chosen_N.sum() == 10_000 and set(points.y_N[chosen_N]) == {label}
        residual_N2 = (points.x_N2[chosen_N] - [left, 0.0]) / 0.4
        assert all(kstest(axis_N, "norm").pvalue > 1e-3 for axis_N in residual_N2.T)


def test_no_line_parts_the_gaussians_classes_but_two_do():
    points = drawn(ToyGaussians())
    line = LogisticRegression().fit(points.x_N2, points.y_N)
    assert line.score(points.x_N2, points.y_N) < 0.7  # 2/3 are of class 0
    assert np.mean((np.abs(points.x_N2[:, 0]) < 0.5) == points.y_N) > 0.97
