"""No baseline."""

from moe_lab.parts.baseline import Baseline
from moe_lab.parts.roles import Config, Experts, Gate


class Unchanged(Baseline):
    """The mixture itself."""

    def replace(self, config: Config, experts: Experts, gate: Gate) -> None:
        return None
