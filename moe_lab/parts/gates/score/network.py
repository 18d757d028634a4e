"""Scores of the gate's own network."""

from typing import Literal

from torch import Tensor

from moe_lab.parts import Body, ExpertsOutput, Linear, Noise, Score, Sizes


class Network(Score):
    """z = relu(h(x)) W + b, with h the gate's own body on the same input.

    Source: Jacobs, Jordan, Nowlan and Hinton 1991, Adaptive mixtures of local experts.

    body: the network without its last layer.
    init: "default"; "zero_head", W = b = 0, so that every expert starts with the same weight; "zero", all of the gate
          is zero, as in some runs of arXiv:2302.14703's code: then only b can learn, and the gate cannot distinguish
          samples.
    """

    def __init__(self, sizes: Sizes, *, body: Body, init: Literal["default", "zero_head", "zero"] = "default") -> None:
        super().__init__()
        self.body = body
        self.head = Linear(body.width, sizes.experts)
        for module in {"default": (), "zero_head": (self.head,), "zero": (self,)}[init]:
            for parameter in module.parameters():
                parameter.data.zero_()

    def forward(self, x_BD: Tensor, experts: ExpertsOutput | None, noise: Noise) -> Tensor:
        return self.head(self.body(x_BD).relu())

    def columns(self) -> tuple[Tensor, ...]:
        return tuple(self.head.parameters())
