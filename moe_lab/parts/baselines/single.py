"""One expert alone."""

from moe_lab.config.build import build
from moe_lab.parts import Baseline, Config, Experts, Gate


class Single(Baseline):
    """One network like an expert of the mixture, without a gate.

    Source: Krishnamurthy, Watkins and Gaertner 2023, arXiv:2302.14703 (its single model).
    """

    def replace(self, config: Config, experts: Experts, gate: Gate) -> Experts:
        return build({**config["experts"], "count": 1}, gate.sizes)
