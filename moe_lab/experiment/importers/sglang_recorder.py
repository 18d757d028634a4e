"""Files of SGLang's recorder (``--expert-distribution-recorder-mode per_pass`` or ``per_token``), by ``torch.save``.

``{"records": [...], "last_physical_to_logical_map": [L, physical experts]}``; a record is a forward pass with
``input_ids`` [T], ``positions`` [T], ``extend_seq_lens`` (the sequences of a prefill) and ``topk_ids_of_layer``
[L, T, 8], padded with -1. Those ids are of physical experts, of which load balancing makes several of one: the map
turns them into the model's own. A layer of -1 alone is a dense one.

Source: python/sglang/srt/eplb/expert_distribution.py of sgl-project/sglang.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import NO_WEIGHTS, Asked, Format, Found, in_order, integers, without_routing
from moe_lab.routing.trace import NONE

_MAP, _IDS = "last_physical_to_logical_map", "topk_ids_of_layer"


def _guess(source: Source) -> bool:
    return source.kind == "pt"


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    passes = [one for source in sources for one in _passes(source)]
    if len({one.logical_TLK.shape[1:] for one in passes}) > 1:
        raise sources[0].error("or its neighbours have passes of different layers or slots; import models one by one")
    whole_TLK = np.concatenate([one.logical_TLK for one in passes])
    whole_TLK = whole_TLK[:, :, (whole_TLK != NONE).any(axis=(0, 1))]
    routed = [number for number in range(whole_TLK.shape[1]) if (whole_TLK[:, number] != NONE).any()]
    if not routed:
        raise sources[0].error("holds -1 alone: nothing was recorded")
    missing = {"weights": NO_WEIGHTS}
    if dense := sorted(set(range(whole_TLK.shape[1])) - set(routed)):
        missing["dense layers"] = without_routing(dense, whole_TLK.shape[1], NONE)
    lengths = [one.lengths for one in passes]
    if known := all(lengths):
        missing["documents"] = "the sequences of each prefill are taken for documents; a prompt in chunks is several"
    return Found(
        selected={f"layer{number}": np.ascontiguousarray(whole_TLK[:, number]) for number in routed},
        experts={f"layer{number}": max(one.experts_L[number] for one in passes) for number in routed},
        documents=in_order([length for one in lengths for length in one])[0] if known else None,
        positions=np.concatenate([one.positions for one in passes]),
        token_ids=np.concatenate([one.token_ids for one in passes]),
        missing=missing,
    )


class _Pass(NamedTuple):
    """A forward pass: logical experts, tokens, the rows of each sequence (none: not known), experts of each layer."""

    logical_TLK: np.ndarray
    token_ids: np.ndarray
    positions: np.ndarray
    lengths: list[int]
    experts_L: list[int]


def _passes(source: Source) -> Iterator[_Pass]:
    """Raises DataError if the file is none of the recorder, or a pass cannot be."""
    state = source.tensors()
    records = state.get("records")
    if not isinstance(records, list) or not records or _MAP not in state:
        raise source.error(f"has no records, or no {_MAP}; expected a file of the recorder, per pass or per token")
    map_LP = _integers(source, state, _MAP, 2)
    for record in records:
        if not isinstance(record, dict) or _IDS not in record:
            raise source.error(f"has a record without {_IDS}; run the recorder with per_token")
        yield _pass(source, record, map_LP)


def _pass(source: Source, record: Mapping[str, Any], map_LP: np.ndarray) -> _Pass:
    physical_LTK = _integers(source, record, _IDS, 3)
    token_ids, positions = (_integers(source, record, name, 1) for name in ("input_ids", "positions"))
    layers, rows, _ = physical_LTK.shape
    if layers != len(map_LP) or not rows == len(token_ids) == len(positions):
        raise source.error(
            f"has {_IDS} of shape {physical_LTK.shape}, {len(token_ids)} input_ids, {len(positions)} positions and a "
            f"map of {len(map_LP)} layers, which do not fit"
        )
    if physical_LTK.min() < NONE or physical_LTK.max() >= map_LP.shape[1] or map_LP.min() < 0:
        raise source.error(f"has experts in {_IDS} or {_MAP} that are not among the {map_LP.shape[1]} physical ones")
    logical_LTK = np.take_along_axis(map_LP[:, None], np.maximum(physical_LTK, 0), 2)
    logical_LTK[physical_LTK == NONE] = NONE
    lengths = record.get("extend_seq_lens")
    whole = isinstance(lengths, list) and all(isinstance(one, int) and one > 0 for one in lengths)
    known = lengths if isinstance(lengths, list) and whole and sum(lengths) == rows else []
    return _Pass(logical_LTK.swapaxes(0, 1), token_ids, positions, known, (map_LP.max(1) + 1).tolist())


def _integers(source: Source, record: Mapping[str, Any], name: str, axes: int) -> np.ndarray:
    value: Any = record.get(name)
    given = value.numpy() if hasattr(value, "numpy") else value
    return integers(source, name, given, axes).astype(np.int64)


FORMAT = Format(
    name="sglang_recorder",
    summary="expert_distribution_recorder_*.pt of SGLang, per token: physical experts, and their map",
    takes=frozenset(),
    guess=_guess,
    read=_read,
)
