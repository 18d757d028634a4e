"""Normalized gradient descent: scaling of gradients before a plain step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from moe_lab.training.options import Trainer


class Normalized:
    """g / |g| of each tensor of each expert (zero stays zero), and g gate_lr / lr of everything else.

    A plain step of size lr then moves an expert's tensor by lr, and the gate by gate_lr g. The experts' parameters are
    [E, ...], those of R stacked runs [R, E, ...].

    Source: Chen, Deng, Wu, Gu and Li 2022, arXiv:2208.02813, section 3.3.
    """

    def __init__(self, trainers: Sequence[Trainer], experts: Sequence[nn.Parameter]) -> None:
        self._experts = {id(one) for one in experts}
        self._lead = 2 if len(trainers) > 1 else 1
        ratios = [1.0 if one.gate_lr is None else one.gate_lr / one.lr for one in trainers]
        self._ratio_R = torch.tensor(ratios if len(trainers) > 1 else ratios[0])
        self._factors: dict[int, Tensor] = {}

    def scale(self, parameters: Sequence[nn.Parameter]) -> None:
        """Scale the gradients in place."""
        for parameter in parameters:
            if parameter.grad is not None:
                factor = self._factor(parameter, parameter.grad)
                self._factors[id(parameter)] = factor
                parameter.grad.mul_(factor)

    def factor(self, parameter: nn.Parameter) -> Tensor:
        """The factor by which the parameter's last gradient was multiplied; broadcasts to the parameter."""
        return self._factors[id(parameter)]

    def _factor(self, parameter: nn.Parameter, gradient: Tensor) -> Tensor:
        if id(parameter) not in self._experts:
            ratio_R = self._ratio_R.to(gradient)
            return ratio_R.reshape(ratio_R.shape + (1,) * (gradient.ndim - ratio_R.ndim))
        length = gradient.flatten(self._lead).norm(dim=-1)
        inverse = torch.where(length > 0, 1 / torch.where(length > 0, length, 1.0), 0.0)
        return inverse.reshape(inverse.shape + (1,) * (gradient.ndim - self._lead))
