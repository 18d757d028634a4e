import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

from moe_lab.statistics import agreement, crossed_seeds, match_experts, mean_over_pairs
from moe_lab.statistics.matching import Margins, matched_share
from moe_lab.statistics.partitions import table_of


def routings(N=400, E=4, C=6, seed=0):
    """Two runs that follow the classes, each with a mind of its own for a fifth of the samples."""
    rng = np.random.default_rng(seed)
    class_N = rng.integers(0, C, N)
    own = [np.where(rng.random(N) < 0.2, rng.integers(0, E, N), rng.integers(0, E, C)[class_N]) for _ in range(2)]
    return *own, class_N


def test_matching_by_hand():
    # 8 + 7 + 9 shared after matching 0-1, 1-0, 2-2, of 30
    table = np.array([[1, 8, 0], [7, 1, 1], [2, 1, 9]])
    assert match_experts(table).tolist() == [1, 0, 2]
    assert matched_share(table) == 24 / 30
    # more experts here than there: one has no partner
    assert match_experts(table[:, :2]).tolist() == [1, 0, -1]


def test_against_scikit_learn():
    a, b, y = routings()
    found = agreement(a, b, y, experts=4, others=4, ami=True)
    assert found.ari == pytest.approx(adjusted_rand_score(a, b))
    assert found.ami == pytest.approx(adjusted_mutual_info_score(a, b))


def test_the_null_keeps_the_class_and_its_expectation_is_exact():
    a, b, y = routings()
    rng = np.random.default_rng(1)
    index = []
    for _ in range(300):
        shuffled = b.copy()
        for c in range(6):
            shuffled[y == c] = rng.permutation(shuffled[y == c])
        index.append(adjusted_rand_score(a, shuffled))
    found = agreement(a, b, y, experts=4, others=4)
    assert found.null_ari == pytest.approx(np.mean(index), abs=4 * np.std(index) / 300**0.5)
    assert found.excess == pytest.approx(found.ari - found.null_ari)


def test_drawn_tables_keep_every_margin():
    a, b, y = routings(E=5)
    b = np.minimum(b, 1)
    margins = Margins.of(a, b, y, 5, 4)
    drawn = margins.drawn(200, np.random.default_rng(2))
    table = table_of(a, b, 5, 4)
    assert (drawn >= 0).all()
    assert (drawn.sum(2) == table.sum(1)).all() and (drawn.sum(1) == table.sum(0)).all()
    mean = (margins.here_CE[:, :, None] * margins.there_CF[:, None] / margins.here_CE.sum(1)[:, None, None]).sum(0)
    assert drawn.mean(0) == pytest.approx(mean, abs=1.5)


def test_two_pairings_of_ten_digits_agree_no_more_than_the_classes_make_them():
    """The case of science.md 5: ten classes paired at random into five experts. ARI is far from 0, the excess is 0."""
    rng = np.random.default_rng(3)
    y = np.repeat(np.arange(10), 40)
    found = [agreement(*(rng.permutation(10)[y] // 2 for _ in range(2)), y, experts=5, others=5) for _ in range(20)]
    assert np.mean([one.ari for one in found]) == pytest.approx(0.45, abs=0.06)
    assert max(abs(one.excess) for one in found) < 1e-12
    assert max(abs(one.matched_excess) for one in found) < 1e-12


def test_the_same_decomposition_within_classes_is_an_excess():
    rng = np.random.default_rng(4)
    style_N, y = rng.integers(0, 2, 600), rng.integers(0, 3, 600)
    found = agreement(style_N, 1 - style_N, y, experts=2, others=2)
    assert found.matched == 1 and found.ari == 1
    assert found.excess == pytest.approx(1, abs=0.01)


def test_collapsed_routings_have_no_agreement():
    a, _, y = routings()
    fallen = np.zeros_like(a)
    fallen[:10] = 1
    found = agreement(a, fallen, y, experts=4, others=4)
    assert (found.reason, found.ari, found.excess, found.matched_excess) == ("collapsed", None, None, None)
    assert adjusted_rand_score(np.zeros(9), np.zeros(9)) == 1  # what would otherwise be said of two collapsed runs


def test_unrouted_samples_are_left_out():
    a, b, y = routings()
    dropped = a.copy()
    dropped[:50] = -1
    assert agreement(dropped, b, y, experts=4, others=4) == agreement(a[50:], b[50:], y[50:], experts=4, others=4)
    nothing = agreement(np.full_like(a, -1), b, y, experts=4, others=4)
    assert nothing.reason == "no sample was routed in both runs"


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 5))
def test_names_of_experts_do_not_matter(names, seed):
    a, b, y = routings(seed=seed)
    here = agreement(a, b, y, experts=4, others=4)
    there = agreement(np.array(names)[a], b, y, experts=4, others=4)
    assert there.matched == here.matched
    assert (there.ari, there.null_ari) == pytest.approx((here.ari, here.null_ari))
    assert agreement(b, a, y, experts=4, others=4).excess == pytest.approx(here.excess)


def test_jackknife_over_runs_by_hand():
    # pairs 01: .1, 02: .2, 12: .6; mean .3. Without run 0: .6, 1: .2, 2: .1; pseudo-values 3 * .3 - 2 m: -.3, .5, .7;
    # mean .3, sd sqrt((.36 + .04 + .16) / 2) = .52915, / sqrt 3 = .30551, t_2(.975) = 4.3027: reach 1.3145.
    # On the logit of -1 to 1: log(1.3 / .7) = .6190 +- 1.3145 * 2 / (1.3 * .7) = 2.8890: -2.2700 to 3.5080
    found = mean_over_pairs({(0, 1): 0.1, (0, 2): 0.2, (1, 2): 0.6})
    assert (found.n, found.mean) == (3, pytest.approx(0.3))
    # 2 / (1 + e^2.2700) - 1 and 2 / (1 + e^-3.5080) - 1
    assert (found.low, found.high) == pytest.approx((-0.8127, 0.9418), abs=1e-4)
    assert mean_over_pairs({(0, 1): 0.5}).low is None


def test_crossed_seeds_tell_what_decides():
    init, order = [0, 0, 1, 1], [0, 1, 0, 1]
    pairs = {(i, j): 0.9 if init[i] == init[j] else 0.1 for i in range(4) for j in range(i + 1, 4)}
    found = crossed_seeds(pairs, init, order)
    assert {name: one.mean for name, one in found.items()} == pytest.approx(
        {"same initialization": 0.9, "same order": 0.1, "neither": 0.1}
    )
    assert set(crossed_seeds({(0, 1): 1.0}, [0, 1], [0, 1])) == {"neither"}
