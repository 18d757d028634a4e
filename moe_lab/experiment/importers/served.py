"""Documents as servers return them: a response is a document, and its rows are tokens in order."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from moe_lab.errors import number_of
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import LAST_TOKEN, NO_WEIGHTS, Found, integers, stacked
from moe_lab.routing.trace import NONE


class Part(NamedTuple):
    """Rows of a response, one after the other: the experts [rows, layers, slots], the position of the first row, and
    the token ids of the rows, None if they are not known."""

    source: Source
    document: int
    experts_TLK: np.ndarray
    start: int
    token_ids: np.ndarray | None


def found_in(parts: Sequence[Part], experts: int) -> Found:
    """The rows of all parts, one below the other."""
    missing = {"weights": NO_WEIGHTS, "last token": LAST_TOKEN}
    selected = stacked([(part.source, part.experts_TLK) for part in parts], experts, missing)
    none = np.mean([(experts_TK == NONE).all(1) for experts_TK in selected.values()])
    if none:
        missing["rows without routing"] = (
            f"{none:.1%} of rows and layers have no expert, as tokens from a prefix cache have"
        )
    ids = [part.token_ids for part in parts]
    known = [one for one in ids if one is not None]
    if len(known) < len(ids):
        missing["token_id"] = "the responses have no token ids, or not one a row"
    if late := _late(parts):
        document, start = next(iter(late.items()))
        missing["first tokens"] = (
            f"of {len(late)} of {number_of(parts[-1].document + 1, 'document')} the first tokens have no row, such as "
            f"the first {start} of document {document}: the response has no routing of its prompt, or of a prefix"
        )
    lengths = [len(part.experts_TLK) for part in parts]
    return Found(
        selected=selected,
        documents=np.repeat([part.document for part in parts], lengths),
        positions=np.concatenate([np.arange(len(part.experts_TLK)) + part.start for part in parts]),
        token_ids=np.concatenate(known) if len(known) == len(ids) else None,
        missing=missing,
        parts=[(part.source, len(part.experts_TLK)) for part in parts],
    )


def _late(parts: Sequence[Part]) -> dict[int, int]:
    """Document -> position of its first row, for the documents in which that is not 0."""
    starts: dict[int, int] = {}
    for part in parts:
        starts[part.document] = min(part.start, starts.get(part.document, part.start))
    return {document: start for document, start in starts.items() if start}


def ids_of(source: Source, value: Any, rows: int) -> np.ndarray | None:
    """The first token ids of a list, one a row; None if there is no list, or it is not of as many tokens or one more
    (the last one, which was not fed)."""
    if not isinstance(value, list) or not rows <= len(value) <= rows + 1:
        return None
    return integers(source, "token ids", value[:rows], 1) if rows else np.empty(0, np.int64)
