"""The kind of Python token that each byte of a source belongs to."""

import io
import keyword
import tokenize

import numpy as np

from moe_lab.routing.trace import NONE

KINDS = ("keyword", "name", "number", "string", "comment", "operator", "space")
#: by the type that tokenize gives; of those that are left, names are keywords or names, and the others no tokens
_BY_TYPE = {"NUMBER": "number", "COMMENT": "comment", "OP": "operator"}


def kinds_of(source: bytes) -> np.ndarray:
    """[bytes], numbers of ``KINDS``: space is all that is no part of a token. NONE from where the source cannot be read
    on."""
    lines = io.BytesIO(source).readlines()
    first = np.cumsum([0, *map(len, lines)])
    kind_X = np.full(len(source), KINDS.index("space"))
    end = 0
    try:
        for token in tokenize.tokenize(io.BytesIO(source).readline):
            start, end = (_at(lines, first, place) for place in (token.start, token.end))
            kind = _kind(token)
            if kind is not None:
                kind_X[start:end] = KINDS.index(kind)
    except (SyntaxError, UnicodeDecodeError, tokenize.TokenError):
        kind_X[end:] = NONE
    return kind_X


def _kind(token: tokenize.TokenInfo) -> str | None:
    name = tokenize.tok_name[token.type]
    if name == "NAME":
        return "keyword" if keyword.iskeyword(token.string) else "name"
    return "string" if "STRING" in name else _BY_TYPE.get(name)


def _at(lines: list[bytes], first: np.ndarray, place: tuple[int, int]) -> int:
    """The byte of a place (line from 1, character from 0)."""
    row, column = place
    if row - 1 >= len(lines) or row == 0:
        return int(first[-1]) if row else 0
    return int(first[row - 1]) + len(lines[row - 1].decode()[:column].encode())
