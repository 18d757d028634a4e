import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from moe_lab.statistics import rate, rate_summary, summary, two_modes

FINITE = st.floats(-1e6, 1e6, allow_nan=False)


def test_mean_sd_and_student_interval():
    # mean 3, sd sqrt((4 + 1 + 0 + 1 + 4) / 4) = 1.5811, t_4(.975) = 2.7764, reach 2.7764 * 1.5811 / sqrt 5 = 1.9632
    found = summary([1, 2, 3, 4, 5])
    assert (found.n, found.mean, found.method, found.warning) == (5, 3.0, "Student t", None)
    assert found.sd == pytest.approx(2.5**0.5)
    assert (found.low, found.high) == pytest.approx((1.0368, 4.9632), abs=1e-4)


def test_the_interval_is_that_of_a_t_test():
    values = np.random.default_rng(1).normal(size=7)
    ends = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (summary(values).low, summary(values).high) == pytest.approx((ends.low, ends.high))


def test_between_two_bounds_the_interval_is_of_the_logit():
    # mean .04, sd .02, standard error .02 / sqrt 3 = .011547, t_2(.975) = 4.3027: reach .049684 on the mean,
    # .049684 / (.04 * .96) = 1.2939 on the logit log(.04 / .96) = -3.1781: from -4.4720 to -1.8842
    found = summary([0.02, 0.04, 0.06], (0, 1))
    assert found.method == "Student t of the logit"
    assert (found.low, found.high) == pytest.approx((0.01129, 0.13190), abs=1e-5)
    # the same quantity in percent, and counted from the other end
    percent, right = summary([2, 4, 6], (0, 100)), summary([0.98, 0.96, 0.94], (0, 1))
    assert (percent.low, percent.high) == pytest.approx((100 * found.low, 100 * found.high))
    assert (1 - right.high, 1 - right.low) == pytest.approx((found.low, found.high))


def test_with_one_bound_the_interval_is_of_the_logarithm():
    # mean 2, sd 1, reach 4.3027 / sqrt 3 = 2.4841, / 2 = 1.24207: 2 e^-1.24207 to 2 e^1.24207
    found = summary([1, 2, 3], (0, None))
    assert found.method == "Student t of the logarithm"
    assert (found.low, found.high) == pytest.approx((0.57757, 6.92556), abs=1e-4)
    mirrored = summary([-1, -2, -3], (None, 0))
    assert (mirrored.low, mirrored.high) == pytest.approx((-found.high, -found.low))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=25), st.floats(-10, 10), st.floats(0.1, 10))
def test_no_interval_leaves_its_bounds(shares, low, width):
    values = [low + width * share for share in shares]
    for bounds in ((low, low + width), (low, None), (None, low + width)):
        found = summary(values, bounds)
        least, greatest = (math.inf * side if end is None else end for side, end in zip((-1, 1), bounds, strict=True))
        slack = 1e-9 * (abs(low) + width)
        assert least - slack <= found.low <= found.mean + slack and found.mean - slack <= found.high <= greatest + slack


def test_a_value_beyond_a_bound_by_rounding_widens_it():
    top = np.log2(5)
    found = summary([top + 1e-15, top - 0.1, top - 0.2], (0, top))
    assert found.low < found.mean < found.high <= top + 1e-15


def test_shares_of_runs_are_counted():
    # 2 of 5: test_clopper_pearson; none of 10 has an upper end of 1 - .025^.1
    assert (rate_summary([1, 0, 1, 0, 0]).low, rate_summary([0] * 10).high) == pytest.approx(
        (rate(2, 5).low, 0.3085), abs=1e-4
    )
    assert rate_summary([1, 0, 1, 0, 0]).mean == 0.4 and rate_summary([1, 0]).method == "Clopper-Pearson"


def test_from_twenty_values_a_seeded_bootstrap():
    values = np.random.default_rng(2).gamma(2, size=20)
    found = summary(values)
    assert found.method == "BCa bootstrap" and found == summary(values)
    assert summary(values[:19]).method == "Student t"
    # the mean of 20: about +- 1.96 sd / sqrt 20, longer towards the long tail of a gamma distribution
    assert found.high - found.low == pytest.approx(2 * 1.96 * found.sd / 20**0.5, rel=0.15)
    assert found.high - found.mean > found.mean - found.low


def test_one_value_has_no_spread_and_equal_ones_no_width():
    one = summary([0.3])
    assert (one.n, one.sd, one.low, one.high, one.method) == (1, None, None, None, "none: one seed")
    for n in (2, 25):
        same = summary([0.25] * n)
        assert (same.sd, same.low, same.high, same.method) == (0.0, 0.25, 0.25, "all values are equal")


def test_values_that_differ_by_rounding_are_equal():
    for n in (5, 25):
        found = summary(0.3 + 1e-16 * np.arange(n))
        assert found.method == "all values are equal" and found.low == found.high == pytest.approx(0.3)
        assert not two_modes(0.3 + 1e-16 * np.arange(n))
    assert two_modes([0, 1e-200, 2e-200, 9e-199, 9.1e-199, 9.2e-199])


def test_a_bootstrap_of_nearly_equal_values_has_ends():
    found = summary([0.0] * 24 + [1.0])
    assert 0 <= found.low < found.mean < found.high <= 1


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf]])
def test_what_is_no_number_is_refused(values):
    with pytest.raises(ValueError, match="finite"):
        summary(values)


@settings(max_examples=50, deadline=None)
@given(st.lists(FINITE, min_size=2, max_size=12), st.floats(-100, 100))
def test_a_shift_shifts_the_interval(values, shift):
    here, there = summary(values), summary([value + shift for value in values])
    scale = 1e-9 * (1 + max(map(abs, values)) + abs(shift))
    assert there.mean == pytest.approx(here.mean + shift, abs=scale)
    assert there.low == pytest.approx(here.low + shift, abs=1e3 * scale)
    assert here.low - scale <= here.mean <= here.high + scale


def test_collapse_and_two_groups_are_warned_of():
    assert "2 of 5 runs collapsed" in summary([1, 2, 3, 4, 5], collapsed=2).warning
    assert summary([1, 2, 3, 4, 5], collapsed=5).warning is None
    split = [0.03, 0.031, 0.032, 0.14, 0.141, 0.139]
    assert "two groups" in summary(split).warning
    assert two_modes(split) and not two_modes(split[:3]) and not two_modes([1.0] * 9)


def test_one_population_is_seldom_called_two():
    rng = np.random.default_rng(3)
    # 300 samples at a level of 1 %: 3 expected, more than 9 has probability .001
    assert sum(two_modes(rng.normal(size=10)) for _ in range(300)) <= 9


def test_clopper_pearson():
    # none of 10: high (1 - h)^10 = .025, h = 1 - .025^(1/10); all of 10 is its mirror image
    none, all_ten = rate(0, 10), rate(10, 10)
    assert (none.low, none.high) == pytest.approx((0.0, 1 - 0.025**0.1))
    assert (all_ten.low, all_ten.high) == pytest.approx((0.025**0.1, 1.0))
    # 2 of 5 by the quantiles of the beta distribution
    two = rate(2, 5)
    assert (two.low, two.high) == pytest.approx((stats.beta.ppf(0.025, 2, 4), stats.beta.ppf(0.975, 3, 3)))
