"""Groups of the rows of a batch, such as those of a document or a class."""

from dataclasses import dataclass

import torch
from torch import Tensor

#: name of the grouping by document: the patches of an image, or the tokens of a sequence
DOCUMENT = "document"


@dataclass(frozen=True)
class Groups:
    """The group, out of ``count``, of each row of a batch, [..., B] int64."""

    number_B: Tensor
    count: int


def documents(count: int, places: int, device: torch.device) -> Groups:
    """Groups of the rows of ``count`` documents with ``places`` consecutive rows each."""
    return Groups(torch.arange(count, device=device).repeat_interleave(places), count)
