"""Base class of text data sets, whose tokens are bytes."""

import hashlib
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from moe_lab.data.language.python_kinds import KINDS, kinds_of
from moe_lab.data.language.tokens import Tokens
from moe_lab.data.language.windows import Document, Windows, counted
from moe_lab.data.sequences import Unit
from moe_lab.routing.trace import NONE, Labels

BYTES = 256
#: kinds of bytes, by the characters that they stand for in ASCII; all others are of characters beyond it
CLASSES: dict[str, str] = {
    "lower case": string.ascii_lowercase,
    "upper case": string.ascii_uppercase,
    "digit": string.digits,
    "space": " \t\r\f\v",
    "newline": "\n",
    "punctuation": string.punctuation,
}
BEYOND = "beyond ASCII"
#: signs shown for invisible characters
SIGNS = {" ": "\N{OPEN BOX}", "\n": "\N{RETURN SYMBOL}"}


@dataclass(kw_only=True)
class TextTokens(Tokens):
    """Text byte by byte, of known domains."""

    unit: ClassVar[Unit] = "byte"

    @property
    def token_names(self) -> tuple[str, ...]:
        return BYTE_NAMES

    def content(self) -> dict[str, str]:
        """A checksum of the text."""
        digest = hashlib.sha256()
        for one in self.documents:
            digest.update(f"{sorted(one.labels.items())}\n{len(one.token_X)}\n".encode() + one.token_X.tobytes())
        return {"checksum": f"sha256:{digest.hexdigest()}"}

    def token_labels(self, test: Windows) -> Mapping[str, Labels]:
        byte_NS = test.token_NL[:, :-1].astype(np.int64)
        found = {
            "byte_class": counted(CLASS_OF_BYTE[byte_NS].ravel(), (*CLASSES, BEYOND)),
            "previous_byte": counted(self._before(test).ravel(), BYTE_NAMES),
        }
        kind_T = self._kinds(test)
        return found if (kind_T == NONE).all() else {**found, "python_token": counted(kind_T, KINDS)}

    def _before(self, test: Windows) -> np.ndarray:
        """The byte before each one in its document, [N, S]; NONE for the first."""
        first_N = [
            int(self.kept[document].token_X[start - 1]) if start else NONE
            for document, start in zip(test.document_N.tolist(), test.start_N.tolist(), strict=True)
        ]
        return np.concatenate([np.array(first_N)[:, None], test.token_NL[:, :-2].astype(np.int64)], 1)

    def _kinds(self, test: Windows) -> np.ndarray:
        """The kind of Python token that each byte belongs to, [N S]; NONE in other text."""
        kinds = {document: _kinds_in(self.kept[document]) for document in np.unique(test.document_N).tolist()}
        pairs = zip(test.document_N.tolist(), test.start_N.tolist(), strict=True)
        return np.concatenate([kinds[document][start : start + self.context] for document, start in pairs])


def document_of(content: bytes, labels: Mapping[str, str]) -> Document:
    return Document(np.frombuffer(content, dtype=np.uint8), labels)


def _kinds_in(document: Document) -> np.ndarray:
    if document.source is None:
        return np.full(len(document.token_X), NONE)
    return kinds_of(document.source)[document.start :]


def _byte_name(byte: int) -> str:
    """The character if it can be seen, a sign for a space and the end of a line, else its number, as 0xff."""
    return chr(byte) if 0x20 < byte < 0x7F else SIGNS.get(chr(byte), f"0x{byte:02x}")


def _class_of(byte: int) -> int:
    found = [place for place, of_class in enumerate(CLASSES.values()) if chr(byte) in of_class]
    return found[0] if found else len(CLASSES)


BYTE_NAMES = tuple(_byte_name(one) for one in range(BYTES))
CLASS_OF_BYTE = np.array([_class_of(one) for one in range(BYTES)])
