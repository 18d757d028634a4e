"""SGLang's routed experts (``--enable-return-routed-experts``): responses as JSON, one file or one a line.

``meta_info.routed_experts`` (or ``sgl_ext``, ``sglext``) is the base64 text of a flat buffer, int32 unless
``routed_experts_dtype`` says otherwise, of [tokens, all hidden layers, slots]; tokens are those of the sequence but for
the last. A model that fuses its shared expert into the table has it in the last slot. A response is a document.

Source: sgl-project/sglang, pull request 31219 and docs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from moe_lab.errors import cut
from moe_lab.experiment.importers.files import Source
from moe_lab.experiment.importers.found import Asked, Format, Found, required
from moe_lab.experiment.importers.served import Part, found_in, ids_of
from moe_lab.experiment.importers.vllm import decoded

_TYPES = {"int32": np.int32, "uint16": np.uint16, "uint8": np.uint8}


def _guess(source: Source) -> bool:
    return source.kind == "json" and isinstance(source.first, dict) and bool(_facts(source.first))


def _read(sources: Sequence[Source], asked: Asked) -> Found:
    sizes = (
        required(asked, "layers", "SGLang's buffer is flat: give the number of hidden layers"),
        required(asked, "k", "SGLang's buffer is flat: give the slots of a row, with that of a fused shared expert"),
    )
    experts = required(asked, "experts", "SGLang does not say how many experts a layer has")
    responses = [pair for source in sources for pair in source.records()]
    parts = [_part(number, *one, sizes) for number, one in enumerate(responses)]
    if not _has_filler(parts, experts):
        return found_in(parts, experts)
    found = found_in([part._replace(experts_TLK=part.experts_TLK[:, :, :-1]) for part in parts], experts)
    return replace(found, missing={**found.missing, "shared experts": _FILLER})


_FILLER = "the last slot holds no routed expert in any row, as that of a shared expert does, and is left out"


def _has_filler(parts: Sequence[Part], experts: int) -> bool:
    """Whether the last slot holds no routed expert, but a number beyond them, wherever something is recorded."""
    if any(part.experts_TLK.shape[2] == 1 for part in parts):
        return False
    beyond = [part.experts_TLK[:, :, -1] >= experts for part in parts]
    blank = [np.isin(part.experts_TLK, (0, -1)).all(axis=2) for part in parts]
    both = list(zip(beyond, blank, strict=True))
    return any(one.any() for one in beyond) and all((one | other).all() for one, other in both)


def _part(number: int, source: Source, response: Any, sizes: tuple[int, int]) -> Part:
    facts = _facts(response) if isinstance(response, dict) else None
    if not facts:
        raise source.error(f"has a response {number} without routed_experts in its meta_info")
    dtype = facts.get("routed_experts_dtype", "int32")
    if not isinstance(dtype, str) or dtype not in _TYPES:
        raise source.error(f"has routed experts of type {cut(repr(dtype))}; expected one of {', '.join(_TYPES)}")
    content = decoded(source, facts["routed_experts"])
    bytes_a_token = sizes[0] * sizes[1] * np.dtype(_TYPES[dtype]).itemsize
    if not content or len(content) % bytes_a_token:
        raise source.error(
            f"has {len(content)} bytes of routed experts in response {number}, which is no multiple of "
            f"{sizes[0]} layers x {sizes[1]} slots of {dtype}; see --layers and --k"
        )
    array = np.frombuffer(content, _TYPES[dtype]).reshape(-1, *sizes)
    start = facts.get("routed_experts_start_len", 0)
    _check_tokens(source, number, facts, len(array), start)
    return Part(source, number, array, start, ids_of(source, response.get("token_ids"), len(array)))


def _check_tokens(source: Source, number: int, facts: Mapping[str, Any], rows: int, start: Any) -> None:
    """Raises DataError if a response says of how many tokens it is, and the buffer is of another number."""
    counts = [facts.get(name) for name in ("prompt_tokens", "completion_tokens")]
    whole = [one for one in (*counts, start) if isinstance(one, int) and 0 <= one < 2**31]
    if not isinstance(start, int) or not 0 <= start < 2**31:
        raise source.error(f"has routed_experts_start_len = {cut(repr(start))}; expected a whole number")
    if len(whole) == 3 and rows != whole[0] + whole[1] - 1 - start:
        raise source.error(
            f"has routing of {rows} tokens in response {number}, and its prompt and answer have {sum(whole[:2])}, all "
            "but the last of which are routed; see --layers and --k"
        )


def _facts(response: Mapping[str, Any]) -> Mapping[str, Any] | None:
    candidates = [response.get(name) for name in ("meta_info", "sgl_ext", "sglext")]
    return next((one for one in candidates if isinstance(one, dict) and "routed_experts" in one), None)


FORMAT = Format(
    name="sglang",
    summary="JSON of SGLang's responses with meta_info.routed_experts: base64 of a flat buffer",
    takes=frozenset({"experts", "layers", "k"}),
    guess=_guess,
    read=_read,
)
