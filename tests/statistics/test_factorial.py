import itertools

import numpy as np
import pytest
from scipy import stats

from moe_lab.statistics import Incomplete, factorial
from moe_lab.statistics.factorial import noncentrality_interval


def cells(y):
    """An array [levels of a, levels of b, seeds] as the function takes it."""
    return {
        (f"a{i}", f"b{j}"): dict(enumerate(y[i, j].tolist())) for i, j in itertools.product(*map(range, y.shape[:2]))
    }


def test_one_factor_by_hand():
    # a: (1, 3, 2) and (4, 6, 8); grand mean 4, means 2 and 6: SS_a = 3 (4 + 4) = 24.
    # seeds: 2.5, 4.5, 5: SS = 2 (2.25 + .25 + 1) = 7. SS_total = 9 + 1 + 4 + 0 + 4 + 16 = 34; noise 34 - 24 - 7 = 3.
    found = factorial(["a"], {("x",): {0: 1, 1: 3, 2: 2}, ("y",): {0: 4, 1: 6, 2: 8}})
    rows = {row.name: row for row in found.effects}
    assert [(name, row.sum_of_squares, row.df) for name, row in rows.items()] == [
        ("a", pytest.approx(24), 1),
        ("seed", pytest.approx(7), 2),
        ("noise", pytest.approx(3), 2),
    ]
    # MS_noise 1.5, F = 16; omega^2 = (24 - 1.5) / (34 + 1.5); of seed (7 - 3) / 35.5; noise the rest
    assert rows["a"].f == pytest.approx(16)
    assert rows["a"].share == pytest.approx(22.5 / 35.5)
    assert rows["seed"].share == pytest.approx(4 / 35.5)
    assert rows["noise"].share == pytest.approx(9 / 35.5)
    # for two levels F is the square of the paired t
    assert rows["a"].p == pytest.approx(stats.ttest_rel([1, 3, 2], [4, 6, 8]).pvalue)
    # x lies 2 below the grand mean; per seed 1 - 2.5, 3 - 4.5, 2 - 5
    assert found.levels["a"]["x"].mean == pytest.approx(-2)
    assert found.levels["a"]["x"].sd == pytest.approx(np.std([-1.5, -1.5, -3], ddof=1))


@pytest.fixture(scope="module")
def noisy():
    rng = np.random.default_rng(7)
    y = rng.normal(size=(2, 3, 6)) + np.array([0, 2.0])[:, None, None] + rng.normal(size=6)
    return y, factorial(["gate", "k"], cells(y))


def test_two_factors_against_regression(noisy):
    """Each effect's sum of squares is what the fit loses without its columns: sum coding, so it is orthogonal."""
    y, found = noisy
    codes = [np.vstack([np.eye(n - 1), -np.ones(n - 1)]) for n in y.shape]
    places = np.array(list(np.ndindex(y.shape)))
    a, b, s = (codes[axis][places[:, axis]] for axis in range(3))
    blocks = {"gate": a, "k": b, "gate x k": (a[:, :, None] * b[:, None]).reshape(len(places), -1), "seed": s}

    def rest(names):
        x = np.hstack([np.ones((len(places), 1)), *(blocks[name] for name in names)])
        return np.linalg.lstsq(x, y.ravel(), rcond=None)[1][0]

    rows = {row.name: row for row in found.effects}
    assert rows["noise"].sum_of_squares == pytest.approx(rest(blocks))
    assert rows["noise"].df == (2 * 3 - 1) * (6 - 1)
    for name in blocks:
        lost = rest([other for other in blocks if other != name]) - rest(blocks)
        assert rows[name].sum_of_squares == pytest.approx(lost), name
        assert rows[name].df == blocks[name].shape[1]


def test_shares_sum_to_one_and_lie_in_their_intervals(noisy):
    _, found = noisy
    assert sum(row.share for row in found.effects) == pytest.approx(1)
    for row in found.effects[:-1]:
        assert 0 <= row.low <= row.share <= row.high <= 1
    gate = found.effects[0]
    assert gate.name == "gate" and gate.low > 0.1 and gate.p < 0.001


def test_an_effect_below_the_noise_has_no_share_and_takes_none_from_the_others():
    """SS_total 18, of which a has 8, b 0, a x b 0, the seed 0 and noise 10 with 3 degrees of freedom: MS 10/3."""
    # -1 or 1 by a, and +-1.25^.5 by b x seed, which is noise: its sum of squares is 8 * 1.25
    y = (
        np.array([[[-1, -1], [-1, -1]], [[1, 1], [1, 1]]])
        + np.array([[[1, -1], [-1, 1]], [[1, -1], [-1, 1]]]) * 1.25**0.5
    )
    found = factorial(["a", "b"], cells(y))
    rows = {row.name: row for row in found.effects}
    assert [rows[name].sum_of_squares for name in ("a", "b", "seed")] == pytest.approx([8, 0, 0], abs=1e-12)
    assert (rows["noise"].sum_of_squares, rows["noise"].df) == (pytest.approx(10), 3)
    # omega^2 = (8 - 10/3) / (18 + 10/3) = .21875; the negative estimates of b, a x b and seed count in SS_total
    assert rows["a"].share == pytest.approx((8 - 10 / 3) / (18 + 10 / 3))
    assert [rows[name].share for name in ("b", "a x b", "seed")] == [0, 0, 0]
    assert rows["noise"].share == pytest.approx(1 - 0.21875)


def test_noncentrality_interval_holds_f_at_its_ends():
    low, high = noncentrality_interval(5.0, 3, 20)
    assert stats.ncf.cdf(5.0, 3, 20, low) == pytest.approx(0.975)
    assert stats.ncf.cdf(5.0, 3, 20, high) == pytest.approx(0.025)
    # an F that even no effect would seldom stay below: nothing to see, and no lower end
    assert noncentrality_interval(0.5, 3, 20)[0] == 0


def test_a_very_large_f_goes_on_where_the_exact_one_ends():
    exact, approximate = noncentrality_interval(0.999e5, 3, 20), noncentrality_interval(1.001e5, 3, 20)
    assert approximate == pytest.approx(exact, rel=0.003)
    assert noncentrality_interval(1e14, 1, 4)[0] > 1e12


def test_rounding_is_no_noise():
    y = [0.040, 0.042, 0.044, 0.041]
    same = factorial(["a"], {("x",): dict(enumerate(y)), ("y",): {s: e - 0.01 for s, e in enumerate(y)}})
    assert same.effects[0].f is None and same.effects[-1].share == 0


def test_without_noise_shares_are_of_the_sum_of_squares():
    found = factorial(["a"], {("x",): {0: 1.0, 1: 2.0}, ("y",): {0: 2.0, 1: 3.0}})
    # SS_a = 4 * .25 = 1, SS_seed = 1
    assert [(row.name, row.share, row.f) for row in found.effects] == [
        ("a", pytest.approx(0.5), None),
        ("seed", pytest.approx(0.5), None),
        ("noise", 0, None),
    ]
    assert all(row.share == 0 for row in factorial(["a"], {("x",): {0: 1, 1: 1}, ("y",): {0: 1, 1: 1}}).effects)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({("a0", "b0"): {0: 1}, ("a1", "b1"): {0: 1}}, "gate=a0 k=b1 is missing"),
        ({("a0", "b0"): {0: 1, 1: 1}}, "no choice was varied"),
        ({(a, b): ({0: 1, 1: 2} if a == "a0" else {0: 1}) for a in ("a0", "a1") for b in ("b0", "b1")}, "same seeds"),
        ({(a, b): {0: 1} for a in ("a0", "a1") for b in ("b0", "b1")}, "one seed"),
        ({}, "no choice was varied"),
    ],
)
def test_an_incomplete_design_says_why(values, reason):
    with pytest.raises(Incomplete, match=reason):
        factorial(["gate", "k"], values)
