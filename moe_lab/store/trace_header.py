"""The type of trace.json, checked whenever the file is read.

Only readers of this file import this module: it needs pydantic, which the engine does not need.
"""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, TypeAdapter, with_config
from typing_extensions import TypedDict

from moe_lab.store.facts import checked

#: upper bound, far above what any model or trace has
MOST_LAYERS, MOST_LABELS = 10_000, 1_000
#: upper bound of rows, documents and slots: their numbers are int32
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
    """trace.json: the layers in their order, the names of the labels' numbers, and the source.

    missing: what the trace lacks -> why. checksum: of the source. moe_lab: the version that wrote the file.
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
    """Check the value of a trace.json. Raises Unusable, which says where it is wrong."""
    return checked(_HEADER, value, "header of a trace", levels=3)
