"""Groups of the rows of a batch: those of a document, of a class."""

from dataclasses import dataclass

import torch
from torch import Tensor

#: the group of the rows of one document: of an image its patches, of a sequence its tokens
DOCUMENT = "document"


@dataclass(frozen=True)
class Groups:
    """Which of ``count`` groups each row of a batch belongs to, [..., B] int64."""

    number_B: Tensor
    count: int


def documents(count: int, places: int, device: torch.device) -> Groups:
    """Rows of ``count`` documents of so many places each, which stand side by side."""
    return Groups(torch.arange(count, device=device).repeat_interleave(places), count)
