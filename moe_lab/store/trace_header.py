"""The record of trace.json, which is checked when it is read.

Only what reads one imports this: it needs pydantic, which the engine does without.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from moe_lab.store.facts import checked

#: far more than any model or trace has
MOST_LAYERS, MOST_LABELS = 10_000, 1_000
#: of rows, documents, slots: their numbers are int32
Count = Annotated[int, Field(ge=1, lt=2**31)]

#: label -> the text of each of its numbers
LabelNames = Annotated[dict[str, list[str]], Field(max_length=MOST_LABELS)]


class LayerHeader(TypedDict):
    """One mixture layer: E is ``experts``, K is ``slots``."""

    name: Annotated[str, Field(min_length=1)]
    experts: Annotated[int, Field(ge=1, lt=2**16)]
    slots: Count
    ranked: bool


@with_config(ConfigDict(extra="ignore", strict=True))
class Header(TypedDict):
    """trace.json: the layers in their order, the names of the labels' numbers, and where it all comes from.

    missing: of what the trace lacks, why. checksum: of the source. moe_lab: the version that wrote it.
    """

    format: Literal[1]
    rows: Count
    documents: Count
    layers: Annotated[list[LayerHeader], Field(min_length=1, max_length=MOST_LAYERS)]
    row_labels: LabelNames
    document_labels: LabelNames
    missing: dict[str, str]
    source: str
    checksum: str
    moe_lab: NotRequired[str]


_HEADER = TypeAdapter(Header)


def read_header(value: Any) -> Header:
    """Raises Unusable, which says where it is wrong."""
    return checked(_HEADER, value, "header of a trace", levels=3)
