"""What can be known of Markov chains, against hand arithmetic and brute force."""

import itertools
import math

import numpy as np
import pytest
from scipy.special import logsumexp

from moe_lab.data.language.chains import (
    EVEN,
    Chains,
    alphabets,
    bayes,
    drawn,
    entropy_rate_nats,
    log,
    sequences,
    stationary,
)

#: two chains over two symbols: one that tends to stay, and one that knows nothing
STAY, COIN = np.array([[0.75, 0.25], [0.5, 0.5]]), np.full((2, 2), 0.5)
TWO = Chains(np.array([[2 / 3, 1 / 3], [1 / 2, 1 / 2]]), np.stack([STAY, COIN]))
LN2 = math.log(2)


def test_stationary_distribution_by_hand():
    """pi_0 / 4 = pi_1 / 2: from 0 to 1 as much as back."""
    np.testing.assert_allclose(stationary(STAY), [2 / 3, 1 / 3], rtol=1e-12)
    with_one_more = np.zeros((3, 3))
    with_one_more[np.ix_([0, 2], [0, 2])] = STAY
    np.testing.assert_allclose(stationary(with_one_more), [2 / 3, 0, 1 / 3], rtol=1e-12)


def test_entropy_rate_by_hand():
    """2/3 H(3/4, 1/4) + 1/3 H(1/2, 1/2), and the bit of a coin: H(3/4, 1/4) = (2 - 3/4 log2 3) bits."""
    stays = (2 / 3 * (2 - 0.75 * math.log2(3)) + 1 / 3) * LN2
    np.testing.assert_allclose(entropy_rate_nats(TWO), [stays, LN2], rtol=1e-12)


def test_bayes_by_hand():
    """0 0 1. After 0: p(stay) : p(coin) = 2/3 : 1/2 = 4 : 3. q(0 | 0) = 4/7 3/4 + 3/7 1/2 = 9/14.
    After 0 0: 4 x 3/4 : 3 x 1/2 = 2 : 1. q(1 | 0 0) = 2/3 1/4 + 1/3 1/2 = 1/3."""
    found = bayes(TWO, np.array([[0, 0, 1]]))
    np.testing.assert_allclose(np.exp(-found.loss_NS), [[9 / 14, 1 / 3]], rtol=1e-12)
    np.testing.assert_allclose(np.exp(found.log_posterior_NSM), [[[4 / 7, 3 / 7], [2 / 3, 1 / 3]]], rtol=1e-12)
    # 1 1: 1/3 : 1/2, so the coin is likelier
    assert bayes(TWO, np.array([[1, 1, 1]])).chain_NS.tolist() == [[1, 1]]


def test_bayes_against_all_sequences():
    """The summed loss of a sequence is -log of the mean of its probabilities under the chains."""
    chains = drawn(np.random.default_rng(3), 3, 4, 0.3, 0.5)
    every = np.array(list(itertools.product(range(4), repeat=4)))
    log_start, log_next = log(chains.start_MV), log(chains.transition_MVV)
    each = log_start[:, every[:, 0]] + sum(log_next[:, every[:, s], every[:, s + 1]] for s in range(3))
    possible = np.isfinite(each).any(0)
    every, each = every[possible], each[:, possible]
    found = bayes(chains, every)
    first = logsumexp(log_start[:, every[:, 0]], axis=0, b=1 / 3)
    np.testing.assert_allclose(first - found.loss_NS.sum(1), logsumexp(each, axis=0, b=1 / 3), rtol=1e-10)
    assert np.exp(logsumexp(each, b=1 / 3)) == pytest.approx(1)
    np.testing.assert_allclose(np.exp(found.log_posterior_NSM).sum(-1), 1, rtol=1e-12)


def test_the_loss_of_bayes_falls_towards_the_entropy_rate():
    """Chains without a common symbol are known from the first one, so that nothing is lost from there on."""
    rng = np.random.default_rng(0)
    apart = drawn(rng, 3, 12, 0.5, 0.0)
    chain_N = np.arange(6000) % 3
    losses = bayes(apart, sequences(rng, apart, chain_N, 9)).loss_NS
    # the standard error of 48,000 losses of a standard deviation below one nat
    assert losses.mean() == pytest.approx(entropy_rate_nats(apart).mean(), abs=3 / math.sqrt(48_000))
    alike = drawn(rng, 3, 12, 0.5, 1.0)
    by_place = bayes(alike, sequences(rng, alike, chain_N, 33)).loss_NS.mean(0)
    assert by_place[0] > by_place[4] + 0.1
    assert by_place[16:].mean() == pytest.approx(entropy_rate_nats(alike).mean(), abs=0.02)


@pytest.mark.parametrize("overlap", [0.0, 0.4, 1.0])
def test_alphabets(overlap):
    """Ten symbols of three chains: blocks of 4, 3 and 3, and of 6, 7 and 7 others a share."""
    found = alphabets(np.random.default_rng(0), 3, 10, overlap)
    sizes = [4 + round(6 * overlap), 3 + round(7 * overlap), 3 + round(7 * overlap)]
    assert [len(set(one.tolist())) for one in found] == sizes
    assert set(range(4)) <= set(found[0].tolist()) and {7, 8, 9} <= set(found[2].tolist())


@pytest.mark.parametrize("concentration", [0.01, 0.1, 1000.0])
def test_drawn_chains(concentration):
    chains = drawn(np.random.default_rng(1), 4, 9, concentration, 0.5)
    used_MV = chains.start_MV > 0
    np.testing.assert_allclose(chains.start_MV.sum(-1), 1, rtol=1e-9)
    np.testing.assert_allclose(chains.transition_MVV.sum(-1), used_MV, rtol=1e-9)
    for start_V, transition_VV, used_V in zip(chains.start_MV, chains.transition_MVV, used_MV, strict=True):
        np.testing.assert_allclose(start_V @ transition_VV, start_V, rtol=1e-8, atol=1e-12)
        # every symbol of the chain leads to every other
        assert transition_VV[np.ix_(used_V, used_V)].min() >= EVEN / used_V.sum() * (1 - 1e-12)
    if concentration == 1000:
        # all rows are nearly even, so that a chain says as little as a die
        rates = entropy_rate_nats(chains)
        np.testing.assert_allclose(rates, np.log(used_MV.sum(-1)), rtol=1e-2)


def test_sequences_follow_their_chain():
    rng = np.random.default_rng(5)
    found = sequences(rng, TWO, np.array([0, 1]).repeat(20_000), 3)
    for chain, rows in enumerate((found[:20_000], found[20_000:])):
        # standard errors of shares of 20,000 are below .0036
        assert (rows[:, 0] == 0).mean() == pytest.approx(TWO.start_MV[chain, 0], abs=0.018)
        for symbol in (0, 1):
            after = rows[:, 2][rows[:, 1] == symbol]
            assert (after == 0).mean() == pytest.approx(TWO.transition_MVV[chain, symbol, 0], abs=0.025)
