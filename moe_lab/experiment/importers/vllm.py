"""vLLM's routed experts (``--enable-return-routed-experts``): responses as JSON, one file or one a line.

``prompt_routed_experts`` and ``routed_experts`` of an output hold [tokens, layers, slots]: nested lists (up to 0.21),
or the base64 text of an .npy file (from 0.22 on), or an object of ``data``, ``shape`` and ``dtype`` (NVIDIA Dynamo).
-1 is a token without routing, such as one from the prefix cache. One response is one document, whatever number of
outputs it has; an array alone is one, too.

Of P prompt tokens and G generated ones, the last of which is not fed, an output has P + G - 1 rows (from 0.22 on), or
fewer if the request leaves out a prefix; or it has G - 1 or G rows of the answer alone (up to 0.21), and those of the
prompt are in ``prompt_routed_experts``, if that was kept. Token ids of a response tell which.

Source: docs/training/routed_experts_replay.md of vllm-project/vllm.
"""

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from moe_lab.errors import cut, number_of
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import Asked, Format, Found, integers, required
from moe_lab.experiment.importers.served import Part, found_in, ids_of
from moe_lab.store.untrusted import BROKEN, array_header

#: what to do about a response that was not saved whole
_SAVE = "save the response again as vLLM returned it, or leave it out"
_OF_PROMPT, _OF_OUTPUT = "prompt_routed_experts", "routed_experts"
_TYPES = ("uint8", "uint16", "int8", "int16", "int32", "int64")


def _guess(source: Source) -> bool:
    if source.kind != "json":
        return False
    first = source.first
    return isinstance(first, list) or (isinstance(first, dict) and any(_outputs(first)))


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    experts = required(asked, "experts", "vLLM does not say how many experts a layer has")
    responses = [pair for source in sources for pair in source.records()]
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
    prompt_ids = prompt_ids if isinstance(prompt_ids, list) else None
    if prompt is None:
        yield from _together(source, number, outputs, prompt_ids)
    else:
        yield from _apart(source, number, outputs, _of_prompt(source, number, _array(source, prompt), prompt_ids))


def _together(
    source: Source, number: int, outputs: Sequence[Mapping[str, Any]], prompt_ids: list[Any] | None
) -> Iterator[Part]:
    """Rows of prompt and answer in each output; the prompt's are those of the first."""
    for place, output in enumerate(outputs):
        if (value := output.get(_OF_OUTPUT)) is not None:
            part = _of_output(source, number, _array(source, value), prompt_ids, output.get("token_ids"))
            yield from _after(len(prompt_ids), part) if place and prompt_ids else [part]


def _apart(source: Source, number: int, outputs: Sequence[Mapping[str, Any]], prompt: Part) -> Iterator[Part]:
    """The prompt's rows, then those of each answer; an answer of one token, which is not fed, has none."""
    yield prompt
    after = prompt.start + len(prompt.experts_TLK)
    for output in outputs:
        if (value := output.get(_OF_OUTPUT)) is not None:
            array = prompt.experts_TLK[:0] if value == [] else _array(source, value)
            part = _of_output(source, number, array, [], output.get("token_ids"))
            yield from [part._replace(start=after)] if len(array) else []


def _of_prompt(source: Source, number: int, array: np.ndarray, ids: list[Any] | None) -> Part:
    """The rows of ``prompt_routed_experts``: of all tokens of the prompt, or of its last ones. Raises DataError."""
    if ids is None:
        return Part(source, number, array, 0, None)
    if len(array) > len(ids):
        raise source.error(
            f"has {number_of(len(array), 'row')} of {_OF_PROMPT} in response {number}, and its prompt has "
            f"{number_of(len(ids), 'token')}; {_SAVE}"
        )
    start = len(ids) - len(array)
    return Part(source, number, array, start, ids_of(source, ids[start:], len(array)))


def _of_output(source: Source, number: int, array: np.ndarray, prompt_ids: list[Any] | None, ids: Any) -> Part:
    """The rows of an output, placed by the numbers of tokens, if the ids of the answer's and of the prompt's are known;
    ``prompt_ids`` are empty if the prompt's rows stand apart. Raises DataError if the rows cannot be of these tokens.
    """
    rows = len(array)
    if not isinstance(ids, list):
        return Part(source, number, array, 0, None)
    whole = len(prompt_ids or ()) + len(ids)
    if rows < len(ids) - 1 or (prompt_ids is not None and rows > whole):
        have = f"prompt and answer have {len(prompt_ids)} +" if prompt_ids else "answer has"
        raise source.error(
            f"has {number_of(rows, 'row')} of {_OF_OUTPUT} in response {number}, and its {have} "
            f"{number_of(len(ids), 'token')}, of which all but the last are routed; {_SAVE}"
        )
    if prompt_ids is None:
        return Part(source, number, array, 0, ids_of(source, ids, rows))
    answer_alone = rows in (len(ids) - 1, len(ids)) and rows < whole - 1
    start = len(prompt_ids) if answer_alone else max(0, whole - 1 - rows)
    return Part(source, number, array, start, ids_of(source, [*prompt_ids, *ids][start:], rows))


def _after(prompt: int, part: Part) -> Iterator[Part]:
    """The rows of a part after the prompt's tokens, if there are any."""
    skip = max(0, prompt - part.start)
    if skip < len(part.experts_TLK):
        ids = None if part.token_ids is None else part.token_ids[skip:]
        yield part._replace(experts_TLK=part.experts_TLK[skip:], start=part.start + skip, token_ids=ids)


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
