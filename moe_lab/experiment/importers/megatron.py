"""Megatron-LM's routing trace (``--moe-routing-trace-path``): ``router_trace_rank*.jsonl``, a line a step and layer.

``{"step", "stage", "block": "decoder" | "mtp", "layer", "rank", "num_tokens", "topk", "top_indices": [[k ids] * T]}``
and ``mtp_idx`` in blocks of that kind. The ids come out of a map of truth values, sorted: their order of choice
is lost. Rows are the tokens of each rank, step by step; neither token ids nor documents are in the file.

With ``--moe-routing-trace-capture-logits`` a line also has ``logit_offset``, ``logit_bytes`` and ``logit_shape``
[T, E]: where ``logits_rank*.bin``, which lies beside the trace, has the layer's logits in bfloat16. They say how many
experts a layer has.

Source: megatron/core/transformer/moe/router_trace.py of NVIDIA/Megatron-LM.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from moe_lab.errors import cut
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import NO_WEIGHTS, Asked, Format, Found, integers, whole_number

#: the rows of a rank's step
_Place = tuple[int, int]
_LOGITS = ("logit_offset", "logit_bytes", "logit_shape")


class _Step(NamedTuple):
    """A layer's rows in a step: the selected experts, and the router's logits [T, E] if they were captured."""

    experts_TK: np.ndarray
    logits_TE: np.ndarray | None

    def __len__(self) -> int:
        return len(self.experts_TK)


_Steps = dict[_Place, list[_Step]]


def _guess(source: Source) -> bool:
    return source.kind == "json" and isinstance(source.first, dict) and {"top_indices", "layer"} <= source.first.keys()


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    layers: dict[tuple[str, int, int], _Steps] = {}
    for file in sources:
        for source, record in file.records():
            layer, place, step = _line(source, record)
            layers.setdefault(layer, {}).setdefault(place, []).append(step)
    named = {_name(layer): layers[layer] for layer in sorted(layers)}
    _check_alike(sources[0], named)
    in_order = {name: [one for place in sorted(steps) for one in steps[place]] for name, steps in named.items()}
    logits = _all_logits(sources[0], in_order)
    missing = {
        "weights": NO_WEIGHTS,
        "order of choice": "Megatron sorts the selected experts by number, so no first choice is known",
        "token_id": "Megatron's trace has no token ids",
    }
    return Found(
        selected={name: np.concatenate([one.experts_TK for one in steps]) for name, steps in in_order.items()},
        experts=_experts(sources[0], logits, asked),
        logits=logits,
        ranked=False,
        missing=missing if logits else {**missing, "distributions": "the logits of all rows were not captured"},
    )


def _line(source: Source, record: Any) -> tuple[tuple[str, int, int], _Place, _Step]:
    if not isinstance(record, dict) or "top_indices" not in record:
        raise source.error("has no top_indices; expected those of router_trace_rank*.jsonl")
    block = record.get("block", "decoder")
    if block not in ("decoder", "mtp"):
        raise source.error("has a block that is neither decoder nor mtp")
    layer, step, rows, k = (whole_number(source, record, name) for name in ("layer", "step", "num_tokens", "topk"))
    rank = whole_number(source, record, "rank") if "rank" in record else 0
    within = whole_number(source, record, "mtp_idx") if block == "mtp" and record.get("mtp_idx") is not None else 0
    array = integers(source, "top_indices", record["top_indices"], 2)
    if array.shape != (rows, k):
        raise source.error(f"has top_indices of shape {array.shape}, and num_tokens x topk are {(rows, k)}")
    return (block, within, layer), (rank, step), _Step(array, _logits(source, record, rank, rows))


def _logits(source: Source, record: Mapping[str, Any], rank: int, rows: int) -> np.ndarray | None:
    """The logits [T, E] that a line points to, in the file beside its own; None if it points to none, or that file was
    left behind. Raises DataError."""
    beside = Source(source.path.parent / f"logits_rank{rank}.bin")
    if not all(name in record for name in _LOGITS) or not beside.path.exists():
        return None
    offset, size = (whole_number(source, record, name) for name in _LOGITS[:2])
    shape = record["logit_shape"]
    if (
        not (isinstance(shape, list) and len(shape) == 2 and all(isinstance(one, int) and one > 0 for one in shape))
        or shape[0] != rows
        or 2 * shape[0] * shape[1] != size
    ):
        raise source.error(
            f"has logit_shape {cut(repr(shape))} and {size} logit_bytes; expected [{rows}, experts], two bytes a number"
        )
    # bfloat16 is the first half of float32
    halves = np.frombuffer(beside.part(offset, size), dtype="<u2").astype(np.uint32) << 16
    return halves.view(np.float32).reshape(shape)


def _all_logits(source: Source, layers: Mapping[str, list[_Step]]) -> dict[str, np.ndarray] | None:
    """Layer -> logits [T, E], None unless every row has them."""
    found = {name: [one.logits_TE for one in steps if one.logits_TE is not None] for name, steps in layers.items()}
    if any(len(found[name]) < len(steps) for name, steps in layers.items()):
        return None
    for name, arrays in found.items():
        if len({array.shape[1] for array in arrays}) > 1:
            raise source.error(f"has logits of several numbers of experts in layer {name}")
    return {name: np.concatenate(arrays) for name, arrays in found.items()}


def _experts(source: Source, logits: Mapping[str, np.ndarray] | None, asked: Asked) -> dict[str, int] | None:
    """Of each layer, as its logits say."""
    if logits is None:
        return None
    found = {name: array.shape[1] for name, array in logits.items()}
    if asked.experts is not None and {*found.values()} != {asked.experts}:
        raise source.error(
            f"has logits of {', '.join(map(str, sorted({*found.values()})))} experts a layer; leave --experts out"
        )
    return found


def _name(layer: tuple[str, int, int]) -> str:
    block, within, number = layer
    return f"decoder{number}" if block == "decoder" else f"mtp{within}.{number}"


def _check_alike(source: Source, layers: Mapping[str, _Steps]) -> None:
    """Raises DataError unless every layer has the same rows of the same steps and ranks, and one k."""
    first_name, first = next(iter(layers.items()))
    for name, steps in layers.items():
        for rank, step in sorted(first.keys() | steps.keys()):
            rows = [sum(map(len, one.get((rank, step), []))) for one in (first, steps)]
            if rows[0] != rows[1]:
                raise source.error(
                    f"and its neighbours have {rows[1]} rows of layer {name} in step {step} of rank {rank}, and "
                    f"{rows[0]} of {first_name}; give the files of ranks that hold the same layers"
                )
        if len({one.experts_TK.shape[1] for many in steps.values() for one in many}) > 1:
            raise source.error(f"has several topk in layer {name}")


FORMAT = Format(
    name="megatron",
    summary="router_trace_rank*.jsonl of Megatron-LM: a line a step and layer, with top_indices",
    takes=frozenset({"experts"}),
    guess=_guess,
    read=_read,
)
