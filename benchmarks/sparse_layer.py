"""Target 2: the sparse layer against a dense network of the same active size, peers and a split-and-loop layer.

Forward and backward of a mixture with its gate and loss; 512 inputs of 784 features, ten classes, experts with one
hidden layer of H. The dense network has a hidden layer of k H.
"""

import importlib.util
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.rows import Row
from benchmarks.timing import interleaved
from moe_lab.config.compose import compose
from moe_lab.experiment.building import build_learner
from moe_lab.experiment.machine import settle
from moe_lab.layers.noise import Noise, generator
from moe_lab.training.learner import Learner

SAMPLES, FEATURES, CLASSES = 512, 784, 10
SHAPES = [(experts, hidden, k) for experts in (8, 16, 64, 256) for hidden in (64, 256) for k in (1, 2)]
QUICK = [(8, 64, 1), (16, 256, 2), (64, 64, 2), (256, 64, 1)]

Call = Callable[[], object]


def rows(quick: bool) -> Iterator[Row]:
    settle(compose([]))
    for experts, hidden, k in QUICK if quick else SHAPES:
        rounds = _rounds(experts, hidden, quick)
        layers, others = cases(experts, hidden, k)
        seconds, case = interleaved(layers, rounds), f"E={experts} H={hidden} k={k}"
        least, aim = bounds(experts, hidden)
        yield Row("2", f"{case}, dense of the active size", seconds["dense"] / seconds["own"], least, aim)
        yield Row("2", f"{case}, split and loop", seconds["split and loop"] / seconds["own"], 1.0, 1.0)
        # many times slower, so few rounds are enough
        seconds = interleaved({"own": layers["own"], **others}, max(rounds // 20, 4))
        for name in others:
            yield Row("2", f"{case}, {name}", seconds[name] / seconds["own"], 1.0, 1.0)


def bounds(experts: int, hidden: int) -> tuple[float, float]:
    """The least ratio and the aim, of the dense network's time over the layer's."""
    if experts <= 16:
        return 1 / 2.6, 1 / 2 if hidden >= 256 else 1 / 2.5
    return (1 / 6.5, 1 / 4) if experts <= 64 else (1 / 20, 1 / 14)


def cases(experts: int, hidden: int, k: int) -> tuple[dict[str, Call], dict[str, Call]]:
    """One forward and backward of each layer on the same inputs; and of the peers."""
    draw = torch.Generator().manual_seed(0)
    x_BD = torch.randn(SAMPLES, FEATURES, generator=draw)
    y_B = torch.randint(CLASSES, (SAMPLES,), generator=draw)
    dense = nn.Sequential(nn.Linear(FEATURES, k * hidden), nn.ReLU(), nn.Linear(k * hidden, CLASSES))
    split = SplitAndLoop(experts, hidden, k)
    layers = {
        "own": own(experts, hidden, k, x_BD, y_B)[1],
        "dense": _training(dense, lambda: functional.cross_entropy(dense(x_BD), y_B)),
        "split and loop": _training(split, lambda: functional.nll_loss(split(x_BD), y_B)),
    }
    return layers, peers(experts, hidden, x_BD, y_B) if k == 2 else {}


def own(
    experts: int, hidden: int | None, k: int, x_BD: Tensor, y_B: Tensor, dispatch: str = "sparse"
) -> tuple[Learner, Call]:
    """moe-lab's mixture with a linear gate, and its step; linear experts without ``hidden``."""
    family = ["experts=linear"] if hidden is None else ["experts=mlp", f"experts.hidden={hidden}"]
    words = [f"experts.count={experts}", f"k={k}", "gate=top_k", "gate/score=linear", f"trainer.dispatch={dispatch}"]
    learner = build_learner(compose([*family, *words]), (1, 1, x_BD.shape[-1]), CLASSES, seed_init=0).train()
    mixture, noise = learner.mixture, Noise([generator(0, "noise")])

    def loss() -> Tensor:
        step = mixture.step(x_BD, y_B, mixture(x_BD, noise), noise)
        return learner.losses(step)[1].total

    return learner, _training(learner, loss)


class SplitAndLoop(nn.Module):
    """The layer as it is usually written.

    It has a list of experts. The batch is sorted and split by expert, and a loop runs over the experts with samples.
    Their outputs are concatenated, reordered and weighted, as in moe-lab.
    """

    def __init__(self, experts: int, hidden: int, k: int) -> None:
        super().__init__()
        self.k = k
        self.gate = nn.Linear(FEATURES, experts)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(FEATURES, hidden), nn.ReLU(), nn.Linear(hidden, CLASSES)) for _ in range(experts)
        )

    def forward(self, x_BD: Tensor) -> Tensor:
        logits_BE = self.gate(x_BD)
        top_BK, expert_BK = logits_BE.topk(self.k, -1)
        order_P = expert_BK.flatten().argsort(stable=True)
        counts = torch.bincount(expert_BK.flatten(), minlength=len(self.experts)).tolist()
        parts = zip(self.experts, x_BD[order_P // self.k].split(counts), strict=True)
        joined_PC = torch.cat([expert(x) for expert, x in parts if len(x)])
        back_P = torch.empty_like(order_P)
        back_P[order_P] = torch.arange(len(order_P))
        log_probs_BKC = joined_PC[back_P].view(-1, self.k, CLASSES).log_softmax(-1)
        if self.k == 1:
            weight_B1 = logits_BE.softmax(-1).gather(-1, expert_BK)
            return (weight_B1 * log_probs_BKC.squeeze(1)).log_softmax(-1)
        return (top_BK.log_softmax(-1).unsqueeze(-1) + log_probs_BKC).logsumexp(1)


def peers(experts: int, hidden: int, x_BD: Tensor, y_B: Tensor) -> dict[str, Call]:
    """Installed layers from PyPI.

    They have 784 outputs, mapped to the classes by a linear layer, and always select two experts, so they do more
    arithmetic.
    """
    made = {}
    if importlib.util.find_spec("mixture_of_experts"):
        from mixture_of_experts import MoE

        made["mixture-of-experts"] = _peer(MoE(dim=FEATURES, num_experts=experts, hidden_dim=hidden), x_BD, y_B)
    if importlib.util.find_spec("st_moe_pytorch"):
        from st_moe_pytorch import MoE as StMoE

        layer = StMoE(dim=FEATURES, num_experts=experts, gating_top_n=2, expert_hidden_mult=hidden / FEATURES)
        made["st-moe-pytorch"] = _peer(layer, x_BD, y_B)
    return made


def _peer(layer: nn.Module, x_BD: Tensor, y_B: Tensor) -> Call:
    head = nn.Linear(FEATURES, CLASSES)

    def loss() -> Tensor:
        output, auxiliary, *_ = layer(x_BD.unsqueeze(0))
        return functional.cross_entropy(head(output.squeeze(0)), y_B) + auxiliary

    return _training(nn.ModuleList([layer, head]), loss)


def _training(module: nn.Module, loss: Callable[[], Tensor]) -> Call:
    """A forward and a backward pass with fresh gradients."""
    parameters = list(module.parameters())

    def call() -> None:
        for parameter in parameters:
            parameter.grad = None
        loss().backward()

    return call


def _rounds(experts: int, hidden: int, quick: bool) -> int:
    """The number of rounds, fewer if a round takes long."""
    rounds = 1000 if experts <= 16 else 200 if hidden < 256 else 60 if experts < 256 else 24
    return rounds // 8 if quick else rounds
