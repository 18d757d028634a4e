"""Sequences of Markov chains: languages whose best prediction is known exactly."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np

from moe_lab.config.ranges import Count, Fraction, Range, Seed, Share
from moe_lab.data.generators import bit_generator
from moe_lab.data.language.chains import Chains, bayes, drawn, entropy_rate_nats, sequences
from moe_lab.data.language.tokens import Tokens
from moe_lab.data.language.windows import Document, Windows, counted
from moe_lab.data.sequences import Unit
from moe_lab.errors import ConfigError
from moe_lab.routing.trace import Labels

#: documents of a domain at least, so that one is in the test split
LEAST = 20


@dataclass(kw_only=True)
class MarkovLanguages(Tokens):
    """Documents of one window each, drawn from Markov chains of order 1, the domains: their best prediction is known.

    A document is of one chain, each of the chains has as many, and it begins with the chain's stationary distribution.
    A twentieth of the documents is the test split.
    Who knows the chain can get to the entropy rate; who has to find it out, to the loss of the Bayes mixture, which
    every run of this data set stores beside its own (moe_lab/data/language/chains.py).

    chains:        how many.
    symbols: number of symbols of all chains together.
    concentration: of the Dirichlet distribution from which the rows of a chain are drawn. If it is small, a symbol has
        few successors, which differ between the chains; if it is large, all chains are alike.
    overlap:       share of the other chains' symbols that a chain has besides its own; 1: all chains have all symbols;
                   0: no symbol is in two chains.
    sequences: number of documents.
    data_seed: seed of chains, documents and the test split, independent of the run's seed.
    """

    name: ClassVar[str] = "markov_languages"
    unit: ClassVar[Unit] = "symbol"
    test_share: ClassVar[float] = 0.05

    chains: Annotated[int, Range(ge=1, le=100)] = 6
    symbols: Annotated[int, Range(ge=2, le=1000)] = 32
    concentration: Annotated[float, Range(ge=0.01, le=1000)] = 0.1
    overlap: Fraction = 1.0
    sequences: Annotated[int, Range(ge=10, le=1_000_000)] = 60_000
    data_seed: Seed = 0
    context: Count = 32
    validation_share: Share = 0.05

    def __post_init__(self) -> None:
        if self.symbols < self.chains:
            raise ConfigError(
                f"dataset.symbols={self.symbols}: each of the {self.chains} chains has a symbol of its own; give "
                f"{self.chains} or more"
            )
        if self.sequences < LEAST * self.chains:
            raise ConfigError(
                f"dataset.sequences={self.sequences}: too few for {self.chains} chains; give "
                f"{LEAST * self.chains} or more"
            )

    @property
    def token_names(self) -> tuple[str, ...]:
        return tuple(map(str, range(self.symbols)))

    @cached_property
    def drawn(self) -> Chains:
        """The chains."""
        return drawn(self._generator("chains"), self.chains, self.symbols, self.concentration, self.overlap)

    @cached_property
    def chain_D(self) -> np.ndarray:
        """The chain of each document, in turns."""
        return np.arange(self.sequences) % self.chains

    @cached_property
    def documents(self) -> list[Document]:
        tokens = sequences(self._generator("sequences"), self.drawn, self.chain_D, self.context + 1)
        width = len(str(self.chains - 1))
        names = [f"chain {number:0{width}}" for number in range(self.chains)]
        return [Document(one, {"domain": names[chain]}) for one, chain in zip(tokens, self.chain_D, strict=True)]

    def token_labels(self, test: Windows) -> Mapping[str, Labels]:
        previous_NS = np.concatenate([np.full((len(test.token_NL), 1), -1), test.token_NL[:, :-2]], 1)
        return {"previous_symbol": counted(previous_NS.ravel(), self.token_names)}

    def known(self, test: Windows, validation: Windows) -> Mapping[str, np.ndarray]:
        """``bayes_loss``: of each token's successor, in nats; ``bayes_domain``: the likeliest chain at each token;
        ``entropy_rate_nats``: of each chain; ``bayes_validation_loss``: the mean over the validation split, if it has
        windows."""
        best = bayes(self.drawn, test.token_NL)
        found = {
            "bayes_loss": best.loss_NS.ravel(),
            "bayes_domain": best.chain_NS.ravel(),
            "entropy_rate_nats": entropy_rate_nats(self.drawn),
        }
        if len(validation.token_NL):
            found["bayes_validation_loss"] = bayes(self.drawn, validation.token_NL).loss_NS.mean()
        return found

    def prepare(self) -> str:
        """Nothing to get: the documents are drawn when they are needed."""
        return f"drawn with dataset.data_seed={self.data_seed}"

    def _generator(self, what: str) -> np.random.Generator:
        return np.random.Generator(bit_generator(self.data_seed, f"{self.name}/{what}"))
