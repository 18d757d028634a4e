"""Megatron-LM's routing trace (``--moe-routing-trace-path``): ``router_trace_rank*.jsonl``, a line a step and layer.

``{"step", "stage", "block": "decoder" | "mtp", "layer", "rank", "num_tokens", "topk", "top_indices": [[k ids] * T]}``
and ``mtp_idx`` in blocks of that kind. The ids come out of a map of truth values, sorted: their order of choice
is lost. Rows are the tokens of each rank, step by step; neither token ids nor documents are in the file.

Source: megatron/core/transformer/moe/router_trace.py of NVIDIA/Megatron-LM.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import NO_WEIGHTS, Asked, Format, Found, integers, required, whole_number

#: the rows of a rank's step
_Place = tuple[int, int]


def _guess(source: Source) -> bool:
    return source.kind == "json" and isinstance(source.first, dict) and {"top_indices", "layer"} <= source.first.keys()


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    required(asked, "experts", "Megatron's trace does not say how many experts a layer has")
    layers: dict[tuple[str, int, int], dict[_Place, list[np.ndarray]]] = {}
    for source in sources:
        for record in source.records():
            layer, place, array = _line(source, record)
            layers.setdefault(layer, {}).setdefault(place, []).append(array)
    named = {_name(layer): layers[layer] for layer in sorted(layers)}
    _check_alike(sources[0], named)
    selected = {
        name: np.concatenate([one for place in sorted(steps) for one in steps[place]]) for name, steps in named.items()
    }
    missing = {
        "weights": NO_WEIGHTS,
        "order of choice": "Megatron sorts the selected experts by number, so no first choice is known",
        "token_id": "Megatron's trace has no token ids",
    }
    return Found(selected=selected, ranked=False, missing=missing)


def _line(source: Source, record: Any) -> tuple[tuple[str, int, int], _Place, np.ndarray]:
    if not isinstance(record, dict) or "top_indices" not in record:
        raise source.error("has a line without top_indices; expected those of router_trace_rank*.jsonl")
    block = record.get("block", "decoder")
    if block not in ("decoder", "mtp"):
        raise source.error("has a block that is neither decoder nor mtp")
    numbers = [whole_number(source, record, name) for name in ("layer", "step", "num_tokens", "topk")]
    rank = whole_number(source, record, "rank") if "rank" in record else 0
    within = whole_number(source, record, "mtp_idx") if block == "mtp" and record.get("mtp_idx") is not None else 0
    array = integers(source, "top_indices", record["top_indices"], 2)
    if array.shape != (numbers[2], numbers[3]):
        raise source.error(f"has top_indices of shape {array.shape}, and num_tokens x topk are {tuple(numbers[2:])}")
    return (block, within, numbers[0]), (rank, numbers[1]), array


def _name(layer: tuple[str, int, int]) -> str:
    block, within, number = layer
    return f"decoder{number}" if block == "decoder" else f"mtp{within}.{number}"


def _check_alike(source: Source, layers: Mapping[str, Mapping[_Place, list[np.ndarray]]]) -> None:
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
        if len({array.shape[1] for arrays in steps.values() for array in arrays}) > 1:
            raise source.error(f"has several topk in layer {name}")


FORMAT = Format(
    name="megatron",
    summary="router_trace_rank*.jsonl of Megatron-LM: a line a step and layer, with top_indices",
    takes=frozenset({"experts"}),
    guess=_guess,
    read=_read,
)
