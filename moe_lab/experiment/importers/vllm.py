"""vLLM's routed experts (``--enable-return-routed-experts``): responses as JSON, one file or one a line.

``prompt_routed_experts`` and ``routed_experts`` of an output hold [tokens, layers, slots]: nested lists (up to 0.21),
or the base64 text of an .npy file (from 0.22 on), or an object of ``data``, ``shape`` and ``dtype`` (NVIDIA Dynamo).
-1 is a token without routing, such as one from the prefix cache. One response is one document, whatever number of
outputs it has; an array alone is one, too.

Source: docs/training/routed_experts_replay.md of vllm-project/vllm.
"""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from moe_lab.errors import cut
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import Asked, Format, Found, integers, required
from moe_lab.experiment.importers.served import Part, found_in, ids_of
from moe_lab.store.untrusted import BROKEN, array_header

_OF_PROMPT, _OF_OUTPUT = "prompt_routed_experts", "routed_experts"
_TYPES = ("uint8", "uint16", "int8", "int16", "int32", "int64")


def _guess(source: Source) -> bool:
    if source.kind != "json":
        return False
    first = source.first
    return isinstance(first, list) or (isinstance(first, dict) and any(_outputs(first)))


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    experts = required(asked, "experts", "vLLM does not say how many experts a layer has")
    responses = [(source, record) for source in sources for record in source.records()]
    parts = [part for number, one in enumerate(responses) for part in _parts(number, *one)]
    return found_in(parts, experts)


def _parts(number: int, source: Source, response: Any) -> Iterator[Part]:
    """Raises DataError if a response has no routing."""
    if isinstance(response, list):
        yield Part(source, number, integers(source, "routed experts", response, 3), 0, None)
        return
    outputs = _outputs(response) if isinstance(response, dict) else []
    if not outputs:
        raise source.error(
            f"has a response {number} without {_OF_OUTPUT}; run the server with --enable-return-routed-experts"
        )
    prompt = response.get(_OF_PROMPT, outputs[0].get(_OF_PROMPT))
    prompt_ids = response.get("prompt_token_ids", outputs[0].get("prompt_token_ids"))
    known = len(prompt_ids) if isinstance(prompt_ids, list) else 0
    start = 0
    if prompt is not None:
        array = _array(source, prompt)
        start = len(array)
        yield Part(source, number, array, 0, ids_of(source, prompt_ids, start))
    for place, output in enumerate(outputs):
        if (value := output.get(_OF_OUTPUT)) is None:
            continue
        array, ids = _array(source, value), output.get("token_ids")
        if prompt is None and known and isinstance(ids, list) and len(array) >= len(ids) + known - 1:
            # the whole sequence; the prompt's rows are those of the first output
            whole = ids_of(source, [*prompt_ids, *ids], len(array))
            skip = known if place else 0
            yield Part(source, number, array[skip:], skip, None if whole is None else whole[skip:])
        else:
            yield Part(source, number, array, start, ids_of(source, ids, len(array)))


def _outputs(response: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The objects that have routed experts: outputs, choices, what Dynamo adds, or the response itself."""
    added = response.get("nvext")
    data = added.get("engine_data") if isinstance(added, dict) else None
    candidates = [*_list(response.get("outputs")), *_list(response.get("choices")), data, response]
    found: list[Mapping[str, Any]] = [one for one in candidates if isinstance(one, dict) and _has(one)]
    return found[:-1] if len(found) > 1 and found[-1] is response else found


def _has(one: Mapping[str, Any]) -> bool:
    return any(one.get(name) is not None for name in (_OF_OUTPUT, _OF_PROMPT))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _array(source: Source, value: Any) -> np.ndarray:
    """Experts of tokens x layers x slots in one of the three forms. Raises DataError."""
    if isinstance(value, str):
        return _of_axes(source, _npy(source, decoded(source, value)))
    if isinstance(value, dict):
        return _of_axes(source, _buffer(source, value))
    return integers(source, "routed experts", value, 3)


def decoded(source: Source, text: Any) -> bytes:
    """The bytes of a base64 text. Raises DataError."""
    try:
        return base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        raise source.error(f"has routed experts {cut(repr(text), 30)}; expected a base64 text") from None


def _npy(source: Source, content: bytes) -> np.ndarray:
    file = io.BytesIO(content)
    try:
        if array_header(file, len(content))[1].hasobject:
            raise source.error("has routed experts that are Python objects, which can hide code")
        file.seek(0)
        return np.lib.format.read_array(file, allow_pickle=False)
    except BROKEN as error:
        raise source.error(f"has routed experts that are no .npy file in base64 ({cut(str(error), 200)})") from None


def _buffer(source: Source, value: Mapping[str, Any]) -> np.ndarray:
    shape, dtype, content = value.get("shape"), value.get("dtype"), decoded(source, value.get("data"))
    if (
        not isinstance(dtype, str)
        or dtype not in _TYPES
        or not isinstance(shape, list)
        or not all(isinstance(one, int) for one in shape)
    ):
        raise source.error(
            f"has routed experts of shape {cut(repr(shape))} and dtype {cut(repr(dtype))}; expected tokens, layers and "
            f"slots, and one of {', '.join(_TYPES)}"
        )
    if prod(shape) * np.dtype(dtype).itemsize != len(content) or min(shape, default=0) < 1:
        raise source.error(f"has routed experts of shape {cut(repr(shape))} and type {dtype}, and {len(content)} bytes")
    return np.frombuffer(content, dtype).reshape(shape)


def _of_axes(source: Source, array: np.ndarray) -> np.ndarray:
    if array.ndim != 3 or array.dtype.kind not in "iu" or not array.size:
        raise source.error(
            f"has routed experts {array.dtype} of shape {array.shape}; expected integers of tokens x layers x slots"
        )
    return array


FORMAT = Format(
    name="vllm",
    summary="JSON of vLLM's responses with routed_experts: nested lists, or base64 of an .npy file",
    takes=frozenset({"experts"}),
    guess=_guess,
    read=_read,
)
