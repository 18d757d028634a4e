"""The typed context of custom autograd operations; torch leaves these types out."""

from torch import Tensor
from torch.autograd.function import FunctionCtx


class Kept(FunctionCtx):
    """The context that stores values of the forward pass for the backward pass. Subclasses declare the attributes that
    an operation adds."""

    saved_tensors: tuple[Tensor, ...]
    needs_input_grad: tuple[bool, ...]
