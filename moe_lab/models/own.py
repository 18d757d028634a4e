"""The own parts of one mixture layer of a network."""

from moe_lab.config.ranges import Count
from moe_lab.parts.roles import Experts, Gate


class OwnParts:
    """Gate, experts and k of one layer, in place of those of all layers; null: those of all.

    It is never instantiated: a layer is made from it and the whole config.

    k: number of experts that a row selects; null: the config's k, or that of the layer's own gate.
    """

    def __init__(self, *, gate: Gate | None = None, experts: Experts | None = None, k: Count | None = None) -> None:
        raise TypeError("a layer's own parts are read from the config, not made")
