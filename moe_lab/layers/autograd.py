"""What torch gives the two passes of an operation with a gradient of its own, with the types that torch leaves out."""

from torch import Tensor
from torch.autograd.function import FunctionCtx


class Kept(FunctionCtx):
    """What autograd keeps from the forward pass for the backward pass. Subclasses declare what else an operation
    keeps."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
