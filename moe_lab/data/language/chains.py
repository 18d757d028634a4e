"""Markov chains of order 1, and what can be known of them exactly. Pure functions in NumPy, in log space.

Axes: **M** chains, **V** symbols, **N** sequences of S + 1 symbols, of which the last S are predicted.
"""

from dataclasses import dataclass

import numpy as np

#: of each row of a chain, spread evenly over the chain's symbols, so that every symbol leads to every other
EVEN = 0.01


@dataclass(frozen=True)
class Chains:
    """start_MV: the stationary distribution of each chain, which its sequences begin with.
    transition_MVV: P_m(next | symbol); the rows of symbols that a chain does not have are zero."""

    start_MV: np.ndarray
    transition_MVV: np.ndarray


@dataclass(frozen=True)
class Bayes:
    """What a reader knows who knows the chains but not which of them a sequence is of, all equally likely at first.

    loss_NS:          -log q(x_{s+1} | x_0 .. x_s) in nats.
    log_posterior_NSM: log p(chain m | x_0 .. x_s).
    """

    loss_NS: np.ndarray
    log_posterior_NSM: np.ndarray

    @property
    def chain_NS(self) -> np.ndarray:
        """The likeliest chain after each symbol, the lowest number of equals: the choice of the Bayes router."""
        return self.log_posterior_NSM.argmax(-1)


def drawn(rng: np.random.Generator, chains: int, symbols: int, concentration: float, overlap: float) -> Chains:
    """Chains whose rows are drawn from a symmetric Dirichlet distribution over the chain's symbols.

    concentration: of each symbol: small, and a symbol has few successors, which differ between chains; large, and all
                   chains are alike.
    overlap:       share of the symbols of other chains that a chain has besides its own; 0: no symbol is in two chains.
    """
    transition_MVV = np.zeros((chains, symbols, symbols))
    for m, of_chain in enumerate(alphabets(rng, chains, symbols, overlap)):
        rows = rng.dirichlet(np.full(len(of_chain), concentration), size=len(of_chain))
        transition_MVV[m][np.ix_(of_chain, of_chain)] = (1 - EVEN) * rows + EVEN / len(of_chain)
    return Chains(np.stack([stationary(one) for one in transition_MVV]), transition_MVV)


def alphabets(rng: np.random.Generator, chains: int, symbols: int, overlap: float) -> list[np.ndarray]:
    """The symbols of each chain, in rising order: its own block, and a share of all others."""
    blocks = np.array_split(np.arange(symbols), chains)
    found = []
    for own in blocks:
        others = np.setdiff1d(np.arange(symbols), own)
        more = rng.permutation(others)[: round(overlap * len(others))]
        found.append(np.sort(np.concatenate([own, more])))
    return found


def stationary(transition_VV: np.ndarray) -> np.ndarray:
    """pi with pi = pi P and sum 1; zero for symbols that the chain does not have."""
    has_V = transition_VV.sum(1) > 0
    inside = transition_VV[np.ix_(has_V, has_V)]
    equations = inside.T - np.eye(len(inside))
    # one of them follows from the others; in its place stands that the sum is one
    equations[-1] = 1
    pi_V = np.zeros(len(has_V))
    pi_V[has_V] = np.linalg.solve(equations, np.eye(len(inside))[-1])
    return pi_V


def entropy_rate_nats(chains: Chains) -> np.ndarray:
    """-sum_i pi_i sum_j P_ij log P_ij of each chain, [M]: the least loss of whoever knows the chain.

    Source: Cover and Thomas 2006, Elements of information theory, theorem 4.2.4.
    """
    surprise = -chains.transition_MVV * log(chains.transition_MVV, zero=0.0)
    return (chains.start_MV * surprise.sum(-1)).sum(-1)


def sequences(rng: np.random.Generator, chains: Chains, chain_N: np.ndarray, length: int) -> np.ndarray:
    """A sequence of each of the chains ``chain_N``, [N, length]."""
    at_V = np.cumsum(chains.start_MV, -1), np.cumsum(chains.transition_MVV, -1)
    symbol_NL = np.zeros((len(chain_N), length), dtype=np.int64)
    uniform_NL = rng.random((len(chain_N), length))
    symbol_NL[:, 0] = _chosen(at_V[0][chain_N], uniform_NL[:, 0])
    for s in range(1, length):
        symbol_NL[:, s] = _chosen(at_V[1][chain_N, symbol_NL[:, s - 1]], uniform_NL[:, s])
    return symbol_NL


def bayes(chains: Chains, symbol_NL: np.ndarray) -> Bayes:
    """By the forward recursion: p(m, x_0 .. x_s) = p(m, x_0 .. x_{s-1}) P_m(x_s | x_{s-1}), p(m, x_0) = pi_m(x_0) / M.

    Each sequence has to be possible under one chain at least.
    """
    log_start_MV, log_transition_MVV = log(chains.start_MV), log(chains.transition_MVV)
    log_joint_NM = log_start_MV[:, symbol_NL[:, 0]].T - np.log(len(log_start_MV))
    losses, posteriors = [], []
    for here_N, next_N in zip(symbol_NL.T[:-1], symbol_NL.T[1:], strict=True):
        log_posterior_NM = log_joint_NM - np.logaddexp.reduce(log_joint_NM, axis=1, keepdims=True)
        log_next_NM = log_transition_MVV[:, here_N, next_N].T
        losses.append(-np.logaddexp.reduce(log_posterior_NM + log_next_NM, axis=1))
        posteriors.append(log_posterior_NM)
        log_joint_NM = log_joint_NM + log_next_NM
    return Bayes(np.stack(losses, 1), np.stack(posteriors, 1))


def log(p: np.ndarray, zero: float = -np.inf) -> np.ndarray:
    """log p, ``zero`` if p is zero."""
    return np.log(p, out=np.full(p.shape, zero), where=p > 0)


def _chosen(cumulative_NV: np.ndarray, uniform_N: np.ndarray) -> np.ndarray:
    """The first symbol whose cumulative probability exceeds the uniform number, scaled to the sum of all."""
    return (cumulative_NV <= (uniform_N * cumulative_NV[:, -1])[:, None]).sum(1)
