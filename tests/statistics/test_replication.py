import numpy as np
import pytest
from scipy import stats

from moe_lab.statistics import Published, best_of, effect_verdict, level_verdict

OURS = [0.030, 0.032, 0.034, 0.036, 0.038]


def test_the_interval_is_welchs():
    theirs = np.array([0.041, 0.043, 0.040, 0.046])
    found = level_verdict(OURS, Published(theirs.mean(), theirs.std(ddof=1), 4))
    ends = stats.ttest_ind(OURS, theirs, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert found.difference == pytest.approx(np.mean(OURS) - theirs.mean())
    assert found.word == "not reproduced"


def test_level_reproduced_by_its_interval_or_by_its_margin():
    assert level_verdict(OURS, Published(0.0345, 0.003, 10)).word == "reproduced"
    exact = [0.0340, 0.0341, 0.0342]
    assert level_verdict(exact, Published(0.036, 0.0001, 10)).word == "not reproduced"
    near = level_verdict(exact, Published(0.036, 0.0001, 10), margin=0.005)
    assert near.word == "reproduced" and "margin" in near.reason


@pytest.mark.parametrize(
    ("ours", "theirs"), [([0.03], Published(0.03, 0.01, 5)), (OURS, Published(0.03)), (OURS, Published(0.03, 0.01, 1))]
)
def test_without_a_spread_nothing_is_compared(ours, theirs):
    assert level_verdict(ours, theirs).word == "not comparable"
    assert effect_verdict(ours, theirs, Published(0.04, 0.01, 5)).word == "not comparable"


BASE, BELOW = Published(0.040, 0.001, 10), Published(0.030, 0.001, 10)


@pytest.mark.parametrize(
    ("ours", "word", "reason"),
    [
        ([-0.011, -0.009, -0.010, -0.0105, -0.0095], "reproduced", "contains 0"),
        ([-0.0021, -0.0019, -0.0020, -0.0022], "direction only", "same sign"),
        ([0.0021, 0.0019, 0.0020, 0.0022], "not reproduced", "opposite sign"),
        ([-0.0021, 0.0019, -0.0010, 0.0005], "not reproduced", "contains 0"),
    ],
)
def test_effects(ours, word, reason):
    found = effect_verdict(ours, BELOW, BASE)
    assert found.word == word and reason in found.reason
    # theirs is -.010, with a variance of 2 * .001^2 / 10
    assert found.difference == pytest.approx(np.mean(ours) + 0.010)


def test_the_effects_interval_is_welchs_of_three_means():
    ours = [-0.0021, -0.0019, -0.0020, -0.0022]
    found = effect_verdict(ours, BELOW, BASE)
    own, theirs = np.var(ours, ddof=1) / 4, 2 * 0.001**2 / 10
    df = (own + theirs) ** 2 / (own**2 / 3 + 2 * (theirs / 2) ** 2 / 9)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, df) * (own + theirs) ** 0.5)


def test_equal_numbers_on_both_sides():
    found = level_verdict([0.5, 0.5], Published(0.5, 0.0, 3))
    assert (found.word, found.low, found.high) == ("reproduced", 0.0, 0.0)
    assert level_verdict([0.5, 0.5], Published(0.4, 0.0, 3)).word == "not reproduced"


def test_best_of_takes_their_selection():
    rng = np.random.default_rng(8)
    training = rng.normal(0.02, 0.002, 12)
    test = training + 0.01
    # test error follows training error: the best of 10 is near the least of ours, and the mean lies far off
    best = best_of(training, test, float(test.min()), 10)
    assert best.word == "reproduced" and best.low <= 0 <= best.high
    assert best_of(training, test, float(test.mean()), 10).word == "not reproduced"
    # of one drawn run each, the range is that of all runs
    alone = best_of(training, test, 0.0, 1)
    assert (alone.low, alone.high) == pytest.approx((test.min(), test.max()), abs=1e-12)
    assert best_of(training[:5], test[:5], 0.03, 10).word == "not comparable"
    with pytest.raises(ValueError, match="for each run"):
        best_of(training, test[:3], 0.03, 2)


def test_without_their_spread_the_direction_is_all_that_can_be_said():
    """Theirs fell by .08; of ours, -.1 +- .01 surely has that sign, +.1 has not, and -.1 +- .3 may be anything."""
    theirs = Published(0.05), Published(0.13)
    verdict = effect_verdict([-0.11, -0.10, -0.09], *theirs)
    assert verdict.word == "direction only" and verdict.difference == pytest.approx(-0.02)
    for ours in ([0.11, 0.10, 0.09], [-0.4, 0.2, -0.1]):
        assert effect_verdict(ours, *theirs).reason == "no spread over runs was printed"
    # equal numbers have no direction
    assert effect_verdict([-0.11, -0.10, -0.09], Published(0.1), Published(0.1)).word == "not comparable"
