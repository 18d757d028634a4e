"""No baseline."""

from moe_lab.parts import Baseline, Config, Experts, Gate


class Unchanged(Baseline):
    """No baseline: the mixture itself."""

    def replace(self, config: Config, experts: Experts, gate: Gate) -> None:
        return None
