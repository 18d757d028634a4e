"""Importing a trace from files of other stacks."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from moe_lab.errors import DataError, cut
from moe_lab.experiment.importers.files import Source, sources
from moe_lab.experiment.importers.formats import check_asked, format_of
from moe_lab.experiment.importers.found import Asked, Found, required
from moe_lab.experiment.importers.sidecars import integers_of_rows, labels_of_rows
from moe_lab.experiment.traces import Trace
from moe_lab.routing.trace import first_repeat

#: bytes of a file that are read at once
_BLOCK = 2**20


def import_trace(
    files: Sequence[Path],
    form: str | None = None,
    *,
    asked: Asked | None = None,
    tokens: Path | None = None,
    documents: Path | None = None,
    labels: Path | None = None,
) -> Trace:
    """The trace in these files, or folders of them, which are of one format; guessed from the first if None.

    Args:
        asked: facts about the model that the files lack.
        tokens, documents: .npy, one integer a row. labels: CSV with a column ``document`` (or ``row``) and a column a
            label.

    Raises DataError or RunError, one line, if a file is not what it should be, or something is missing without which
    there is no trace.
    """
    found_files = sources(list(files))
    asked = asked or Asked()
    known = format_of(found_files[0], form)
    check_asked(known, asked)
    found = known.read(found_files, asked)
    _check_experts(found, asked, found_files)
    rows = len(next(iter(found.selected.values())))
    document_T = found.documents if documents is None else integers_of_rows(_npy(documents, "document"), rows)
    if document_T is None:
        raise DataError(
            f"{known.name} files do not say which document each row belongs to, and every test goes by documents: add "
            f"--documents FILE.npy, one integer for each of the {rows:,} rows"
        )
    texts = list(map(str, document_T.tolist()))
    _check_once(found, found_files)
    return Trace(
        found.selected,
        found.experts or required(asked, "experts", f"{known.name} files do not say how many a layer has"),
        document_T,
        labels={} if labels is None else labels_of_rows(Source(labels, "a CSV of labels"), texts),
        ranked=found.ranked,
        weights=found.weights,
        probabilities=found.probabilities,
        logits=found.logits,
        token_ids=found.token_ids if tokens is None else integers_of_rows(_npy(tokens, "token id"), rows),
        positions=found.positions if documents is None else None,
        source=f"{known.name}: {cut(', '.join(source.path.name for source in found_files), 200)}",
        checksum=_checksum(found_files),
        missing=_missing(found, tokens is not None, documents is not None),
    )


def _npy(path: Path, what: str) -> Source:
    return Source(path, f"an .npy file with the {what} of each row")


def _check_experts(found: Found, asked: Asked, files: Sequence[Source]) -> None:
    """Raises DataError if a selected expert is none of those that the user says there are."""
    for name, experts_TK in found.selected.items():
        if asked.experts is not None and int(experts_TK.max()) >= asked.experts:
            source, where = _place(found, files, name, int((experts_TK >= asked.experts).any(1).argmax()))
            raise source.error(
                f"holds expert {int(experts_TK.max())} in {cut(name)}, and --experts {asked.experts} are 0 to "
                f"{asked.experts - 1} ({where}); give the number of experts of the model"
            )


def _check_once(found: Found, files: Sequence[Source]) -> None:
    """Raises DataError if a row selects an expert twice."""
    for name, experts_TK in found.selected.items():
        row = first_repeat(experts_TK)
        if row is not None:
            source, where = _place(found, files, name, row)
            raise source.error(
                f"selects an expert twice in {where}: {cut(str(experts_TK[row].tolist()))}; expected different ones"
            )


def _place(found: Found, files: Sequence[Source], layer: str, row: int) -> tuple[Source, str]:
    """The source of a row, as far as it is known, and the row's name in it."""
    if not found.parts:
        more = f" of {len(files)} files" if len(files) > 1 else ""
        return files[0], f"row {row}{more} in {cut(layer)}"
    ends = np.cumsum([rows for _, rows in found.parts])
    place = int(np.searchsorted(ends, row, side="right"))
    source, rows = found.parts[place]
    return source, f"row {row - int(ends[place]) + rows} of {rows:,} in {cut(layer)}"


def _missing(found: Found, tokens: bool, documents: bool) -> dict[str, str]:
    """Without what the user's files add."""
    added = {"token_id": tokens, "documents": documents}
    return {name: why for name, why in found.missing.items() if not added.get(name)}


def _checksum(files: Sequence[Source]) -> str:
    """sha256 of the files' bytes, one after the other."""
    digest = hashlib.sha256()
    for source in files:
        with open(source.path, "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return f"sha256:{digest.hexdigest()}"
