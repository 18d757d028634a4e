"""How one model is trained by several processes: the ``parallel`` group of the config."""

from dataclasses import dataclass
from typing import Literal

from moe_lab.config.ranges import Count, Positive


@dataclass(frozen=True, kw_only=True)
class ExpertParallel:
    """Expert parallelism: each process has some of the experts, which get their samples from all processes.

    Every process (a *rank*) runs the gate, or the network around mixture layers, on its share of each batch, and sends
    each sample to the processes of the experts that it selected. The numbers are those of one process, up to the order
    of sums.
    Source: Shazeer et al. 2017, Outrageously large neural networks, arXiv:1701.06538, section 3.1.

    processes:       how many, at most as many as experts; null: as many as torchrun or srun has started, otherwise 2.
    statistics:      what regularizers, and gates that rank the samples of a batch, see: "global", the whole batch; or
                     "rank", each process its own samples, as many code bases have it, so that balance is stricter
                     (Qiu et al. 2025, arXiv:2501.11873). Objectives and controllers always see the whole batch.
    timeout_seconds: how long processes wait for one that does not answer before the run ends as interrupted.
    """

    processes: Count | None = None
    statistics: Literal["global", "rank"] = "global"
    timeout_seconds: Positive = 300.0
