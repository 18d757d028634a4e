"""Documents cut into windows, and split so that all windows of a document are in one split."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from moe_lab.data.dataset import Split
from moe_lab.routing.trace import NONE, Labels


@dataclass(frozen=True)
class Document:
    """token_X: its tokens. labels: by name, ``domain`` among them. source: if the tokens are bytes of Python, the whole
    file, in which they stand from ``start`` on."""

    token_X: np.ndarray
    labels: Mapping[str, str]
    source: bytes | None = None
    start: int = 0


@dataclass(frozen=True)
class Windows:
    """Windows of S + 1 tokens of the documents of one split, each beginning with the last token of the one before, so
    that every token but a document's first is predicted once. What is left at the end of a document is left out.

    document_N: the document of each window, as all documents of the data set are numbered; start_N: its first token's
    place there. index_N: its number among the windows of all documents.
    """

    token_NL: np.ndarray
    document_N: np.ndarray
    start_N: np.ndarray
    index_N: np.ndarray

    @property
    def split(self) -> Split:
        """x the first S tokens of each window, y the last S."""
        token_NL = torch.from_numpy(self.token_NL.astype(np.int64))
        return Split(token_NL[:, :-1].contiguous(), token_NL[:, 1:].contiguous(), torch.from_numpy(self.index_N))

    def of(self, documents: np.ndarray) -> "Windows":
        """The windows of some documents."""
        kept_N = np.isin(self.document_N, documents)
        return Windows(*(one[kept_N] for one in (self.token_NL, self.document_N, self.start_N, self.index_N)))


def windows_of(documents: Sequence[Document], context: int) -> Windows:
    """The windows of all documents, S = ``context``."""
    count_D = np.array([windows_in(len(one.token_X), context) for one in documents], dtype=np.int64)
    document_N = np.repeat(np.arange(len(documents)), count_D)
    start_N = context * np.concatenate([np.arange(count) for count in count_D])
    # documents laid end to end
    first_D = np.cumsum([0, *(len(one.token_X) for one in documents[:-1])])
    token_X = np.concatenate([one.token_X for one in documents])
    token_NL = token_X[(first_D[document_N] + start_N)[:, None] + np.arange(context + 1)]
    return Windows(token_NL, document_N, start_N, np.arange(len(document_N)))


def windows_in(tokens: int, context: int) -> int:
    """The number of windows of a document of so many tokens."""
    return max(0, tokens - 1) // context


def domains_of(documents: Sequence[Document]) -> Labels:
    return label_of(documents, "domain")


def label_of(documents: Sequence[Document], name: str) -> Labels:
    """A label of documents; missing if a document does not have it."""
    return labelled([one.labels.get(name) for one in documents])


def labelled(texts: Sequence[str | None]) -> Labels:
    """The label of these texts; None is a missing one. Names stand in rising order."""
    names = sorted({one for one in texts if one is not None})
    number = {name: place for place, name in enumerate(names)}
    return Labels(value=np.array([NONE if one is None else number[one] for one in texts]), names=tuple(names))


def counted(number_T: np.ndarray, name_of: Sequence[str]) -> Labels:
    """The label of numbers that have names, without the names that do not occur; NONE is a missing one."""
    found, value_T = np.unique(number_T, return_inverse=True)
    missing = int(len(found) > 0 and found[0] == NONE)
    return Labels(value=value_T.reshape(-1) - missing, names=tuple(name_of[one] for one in found[missing:]))


def places(context: int) -> list[str]:
    """Names of the places of a window: 0, 1, 2-3, 4-7, 8-15 ..., each with as many tokens as all before it."""
    names = ["0"]
    first = 1
    while first < context:
        last = min(2 * first, context) - 1
        names += [str(first) if last == first else f"{first}-{last}"] * (last - first + 1)
        first *= 2
    return names


def place_labels(windows: int, context: int) -> Labels:
    """The place of each token in its window, by ``places``."""
    names = list(dict.fromkeys(places(context)))
    number_S = np.array([names.index(one) for one in places(context)])
    return counted(np.tile(number_S, windows), names)
