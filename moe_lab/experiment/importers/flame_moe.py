"""FLAME-MoE's traces (the data set CMU-FLAME/FLAME-MoE-Traces), from several steps of three trainings.

``MODEL/actives/iter_*/layer_*.parquet``: columns ``indices``, a list of the selected experts, and ``scores``, a list of
their weights, the largest first; a row a token. ``MODEL/samples/*.parquet``: column ``token_id``, the same rows.
Experts that all tokens share are not in the files, and neither is where a text begins.

A capture has 52 million rows in each file, of which the first may be taken.

Source: the data set's card, and CMU-FLAME/FLAME-MoE.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from moe_lab.config.extras import extra
from moe_lab.errors import cut
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import Asked, Format, Found, required
from moe_lab.store.untrusted import Unusable, check_fits

_TOKEN, _EXPERTS, _SCORES = "token_id", "indices", "scores"
_NUMBER = re.compile(r"(\d+)\.parquet$")
#: rows that are read at once, and bytes that a slot takes meanwhile
_BLOCK, _SLOT = 2**16, 24


def _guess(source: Source) -> bool:
    return source.kind == "parquet"


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    required(asked, "experts", "FLAME-MoE's files do not say how many experts a layer has")
    columns = {source: _columns(source, asked.rows, len(sources)) for source in sources}
    layers = {_number(source): one for source, one in columns.items() if _EXPERTS in one}
    tokens = [one[_TOKEN] for one in columns.values() if _TOKEN in one]
    if len(layers) + len(tokens) < len(sources) or not layers or len(tokens) > 1:
        raise sources[0].error(
            f"and its neighbours are {len(tokens)} files of tokens and {len(layers)} of numbered layers; expected one "
            "layer_N.parquet a layer of one step, and at most one file of tokens"
        )
    for source, one in columns.items():
        if (rows := len(next(iter(one.values())))) != len(layers[min(layers)][_EXPERTS]):
            raise source.error(
                f"has {rows} rows, and the first layer {len(layers[min(layers)][_EXPERTS])}; add --rows N, or give "
                "files of the same rows"
            )
    found = {f"layer{number}": layers[number] for number in sorted(layers)}
    return Found(
        selected={name: one[_EXPERTS] for name, one in found.items()},
        weights={name: one[_SCORES] for name, one in found.items()},
        token_ids=tokens[0] if tokens else None,
        missing={"shared experts": "every token passes through them, and the files do not have them"},
    )


def _number(source: Source) -> int:
    found = _NUMBER.search(source.path.name)
    if found is None:
        raise source.error("has no number of a layer in its name; expected layer_N.parquet")
    return int(found[1])


def _columns(source: Source, rows: int | None, files: int) -> dict[str, np.ndarray]:
    """``token_id`` [T], or ``indices`` and ``scores`` [T, K]. Raises DataError."""
    parquet = extra("pyarrow.parquet", "a FLAME-MoE trace", "parquet")
    with source.reading() as file:
        opened = parquet.ParquetFile(file)
        names = [name for name in (_TOKEN, _EXPERTS, _SCORES) if name in opened.schema_arrow.names]
        if names not in ([_TOKEN], [_EXPERTS, _SCORES]):
            raise Unusable(
                f"has the columns {cut(', '.join(opened.schema_arrow.names))}; expected {_TOKEN}, or {_EXPERTS} and "
                f"{_SCORES}"
            )
        most = opened.metadata.num_rows if rows is None else min(rows, opened.metadata.num_rows)
        blocks: list[dict[str, np.ndarray]] = []
        for batch in opened.iter_batches(batch_size=min(_BLOCK, max(1, most)), columns=names):
            blocks.append({name: _array(batch.column(name), name) for name in names})
            if len(blocks) == 1:
                check_fits(most * files * _SLOT * blocks[0][names[0]][0].size)
            if sum(len(block[names[0]]) for block in blocks) >= most:
                break
        if not blocks:
            raise Unusable("has no rows")
        if len({block[names[0]].shape[1:] for block in blocks}) > 1:
            raise Unusable(f"has rows of several numbers of {names[0]}")
        return {name: np.concatenate([block[name] for block in blocks])[:most] for name in names}


def _array(column: Any, name: str) -> np.ndarray:
    """[T], or [T, K] of a column of lists, as integers or, of scores, as floats. Raises Unusable."""
    values = column if name == _TOKEN else column.flatten()
    array = values.to_numpy(zero_copy_only=False)
    kind = "f" if name == _SCORES else "iu"
    if column.null_count or values.null_count or array.dtype.kind not in kind:
        raise Unusable(f"has {name} of {column.type}, {column.null_count} missing; expected {_KINDS[name]}")
    if name == _TOKEN:
        return array
    lengths = np.unique(column.value_lengths().to_numpy(zero_copy_only=False))
    if len(lengths) != 1 or lengths[0] < 1:
        raise Unusable(f"has rows of {', '.join(map(str, lengths[:5]))} {name}; expected one number of them")
    return array.reshape(len(column), int(lengths[0]))


_KINDS = {_TOKEN: "integers", _EXPERTS: "lists of integers", _SCORES: "lists of floats"}

FORMAT = Format(
    name="flame_moe",
    summary="layer_*.parquet of FLAME-MoE's traces: indices and scores of the selected experts",
    takes=frozenset({"experts", "rows"}),
    guess=_guess,
    read=_read,
)
