"""Base class of data sets of tokens."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from moe_lab.config.ranges import Count
from moe_lab.data.dataset import Data, Dataset
from moe_lab.data.language.windows import (
    Document,
    Windows,
    domains_of,
    label_of,
    place_labels,
    windows_in,
    windows_of,
)
from moe_lab.data.sequences import Sequences, Unit
from moe_lab.data.split import stratified
from moe_lab.errors import DataError
from moe_lab.routing.trace import Labels


@dataclass(kw_only=True)
class Tokens(Dataset):
    """Windows of ``context`` tokens of documents, each with the token that follows; split by document.

    A share of each domain's documents is the test split, always the same; the validation split is drawn from the
    others, by domain too. A document shorter than a window is left out, and so is what a document has beyond its last
    whole window. A subclass says what documents there are, and what is known of their tokens.
    """

    tokens: ClassVar[bool] = True
    name: ClassVar[str]
    unit: ClassVar[Unit]
    test_share: ClassVar[float] = 0.2

    context: Count = 64

    @property
    @abstractmethod
    def token_names(self) -> tuple[str, ...]:
        """The names of the tokens, by their number."""

    @property
    @abstractmethod
    def documents(self) -> Sequence[Document]:
        """The documents. Raises DataError if there are none."""

    @abstractmethod
    def token_labels(self, test: Windows) -> Mapping[str, Labels]:
        """Labels of each token of the windows, besides its place; ``document_N`` counts ``kept``."""

    def known(self, test: Windows, validation: Windows) -> Mapping[str, np.ndarray]:
        """Known facts about the best prediction of these windows (Sequences.known); ``validation`` may be empty."""
        return {}

    def describe(self) -> tuple[tuple[int, ...], tuple[str, ...]]:
        return (self.context,), self.token_names

    @cached_property
    def kept(self) -> list[Document]:
        """The documents that have a window. Raises DataError if a domain has fewer than two."""
        found = [one for one in self.documents if windows_in(len(one.token_X), self.context)]
        domains = domains_of(self.documents).names
        few = [name for name in domains if sum(one.labels["domain"] == name for one in found) < 2]
        if few:
            raise DataError(
                f"{self.name}: expected two documents or more of {self.context + 1} tokens in each domain, found fewer "
                f"in {few[0]}; give more text, or a shorter dataset.context than {self.context}"
            )
        return found

    def load(self) -> Data:
        domain_D = domains_of(self.kept).value
        rest, test = stratified(domain_D, self.test_share, 0, f"{self.name}/test")
        train, validation = (rest[rows] for rows in self.split_rows(domain_D[rest]))
        all_windows = windows_of(self.kept, self.context)
        tested, validated = all_windows.of(test), all_windows.of(validation)
        return Data(
            train=all_windows.of(train).split,
            validation=validated.split,
            test=tested.split,
            shape=(self.context,),
            class_names=self.token_names,
            attributes={},
            sequences=self._sequences(tested, validated),
        )

    def check(self) -> list[dict[str, str]]:
        data = self.load()
        sizes = " + ".join(f"{split.y_N.numel():,}" for split in (data.train, data.validation, data.test))
        found = f"{sizes} tokens of {len(self.kept):,} documents (training, validation, test)"
        return [{"file": "none", "source": str(self.prepare()), "found": found}]

    def _sequences(self, test: Windows, validation: Windows) -> Sequences:
        document_D, document_N = np.unique(test.document_N, return_inverse=True)
        tested = [self.kept[one] for one in document_D]
        names = ["domain", *sorted({name for one in tested for name in one.labels} - {"domain"})]
        return Sequences(
            unit=self.unit,
            document_N=document_N,
            position_NS=test.start_N[:, None] + np.arange(self.context),
            document_labels={name: label_of(tested, name) for name in names},
            token_labels={**self.token_labels(test), "position": place_labels(len(document_N), self.context)},
            known=self.known(test, validation),
        )
