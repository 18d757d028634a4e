"""The similarity of experts' hidden features and of their weights. Legend: F parameters of one expert."""

from functools import reduce

import torch
from torch import Tensor, nn

from moe_lab.layers.stacking import columns
from moe_lab.mixture.served import WholeBank

#: rows of a kernel that are computed at a time, to limit memory with large banks
ROWS = 64


def linear_cka(features_NEH: Tensor) -> Tensor:
    """Linear centred kernel alignment of every two experts' features over the same samples, [E, E] in float64.

    CKA(e, f) = |X_e' X_f|^2 / (|X_e' X_e| |X_f' X_f|), Frobenius norms, X_e the N x H features of expert e with the
    mean of each column taken out: 1 for features that are a rotation and a scaling of each other, 0 for uncorrelated
    ones; NaN for an expert whose features are constant.
    Source: Kornblith, Norouzi, Lee and Hinton 2019, Similarity of neural network representations revisited,
    arXiv:1905.00414, section 3 and eq. 4.
    """
    # on the CPU: not every device has float64
    x_NEH = features_NEH.cpu().double()
    x_ENH = (x_NEH - x_NEH.mean(-3, keepdim=True)).movedim(-2, -3)
    hsic_EE = x_ENH.new_zeros(len(x_ENH), len(x_ENH))
    # |X_e' X_f|^2 is the sum over sample pairs of the product of both kernels X X'
    for rows_EMH in x_ENH.split(ROWS, dim=-2):
        kernel_EX = (rows_EMH @ x_ENH.mT).flatten(-2)
        hsic_EE += kernel_EX @ kernel_EX.mT
    norm_E = hsic_EE.diagonal().sqrt()
    return hsic_EE / (norm_E.unsqueeze(-1) * norm_E)


def weight_cosine(bank: nn.Module) -> Tensor:
    """Cosine of every two experts' parameters, flattened to one row each, [E, E] in float64; NaN for an expert whose
    parameters are all zero. ``bank`` is a stack of experts that share no parameters."""
    parts = bank.columns() if isinstance(bank, WholeBank) else columns(bank)
    products = (weights_EF.cpu().double() for weights_EF in parts)
    product_EE = reduce(torch.add, (weights_EF @ weights_EF.mT for weights_EF in products))
    norm_E = product_EE.diagonal().sqrt()
    return product_EE / (norm_E.unsqueeze(-1) * norm_E)
