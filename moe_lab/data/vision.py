"""Importing torchvision, which is needed only for downloads.

torchvision's Linux wheel from PyPI is built against CUDA. Over a CPU-only torch its operators do not load, and its
import ends with an error about the first one that it wants to describe, although data sets need none of them. Defining
the schemas of the two operators that it describes lets the import pass.
"""

import importlib
import sys
from types import ModuleType

import torch

from moe_lab.errors import DataError

MISSING_OPERATOR = "operator torchvision::nms does not exist"
SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# torch takes a schema back when its Library is collected
_kept_libraries: list[torch.library.Library] = []


def import_torchvision() -> ModuleType:
    """The torchvision module. Raises DataError if it is not installed; any other failure of its import passes."""
    try:
        return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        release = torch.__version__.partition("+")[0]
        raise DataError(
            "torchvision, which downloads this data set, is not installed: "
            f'run `pip install torchvision "torch=={release}"`, or put the files into the data folder yourself'
        ) from None
    except RuntimeError as error:
        if str(error) != MISSING_OPERATOR:
            raise
    _define_operators()
    _forget_half_imported()
    return importlib.import_module("torchvision")


def _define_operators() -> None:
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    _kept_libraries.append(library)


def _forget_half_imported() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
