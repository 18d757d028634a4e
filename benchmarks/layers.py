"""Target 11: mixture layers against plain feed-forward networks of the active size, and against transformers' Mixtral.

Whole steps (forward, backward, Adam) of a vision transformer of two blocks of width 64 on images of 28 x 28, 16 patches
each; experts with one hidden layer of 128; against the same network with plain feed-forward networks of k times that
width. And forward and backward of one layer against ``MixtralSparseMoeBlock`` with the same shapes, without biases: its
loop over experts, and its grouped product.
"""

import importlib.util
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from benchmarks.rows import Row
from benchmarks.timing import interleaved
from moe_lab.config.compose import compose
from moe_lab.data.vision import import_torchvision
from moe_lab.experiment.machine import settle
from moe_lab.layers.noise import noise_by_layer
from moe_lab.mixture.layer import MixtureLayer
from moe_lab.mixture.layer_parts import layer_config
from moe_lab.models.blocks import Plain
from moe_lab.models.network import Layers
from moe_lab.models.vision_transformer import VisionTransformer
from moe_lab.parts.regularizers.switch_balance import SwitchBalance
from moe_lab.training.optimizers import Optimizer
from moe_lab.training.options import Trainer

SHAPE, CLASSES, WIDTH, HIDDEN = (1, 28, 28), 10, 64, 128
#: rows of a layer that are one image
PATCHES = 16
#: experts, k and images of a step
NETWORKS = [(experts, k, batch) for experts in (8, 64) for k in (1, 2) for batch in (64, 256)]
#: rows, D, H, experts and k of a layer
LAYERS = [
    (rows, width, 2 * width, experts, k)
    for rows, width in ((512, 64), (2048, 64), (512, 256), (2048, 256))
    for experts, k in ((8, 1), (8, 2), (64, 2), (64, 8))
]

Call = Callable[[], object]


def rows(quick: bool) -> Iterator[Row]:
    settle(compose([]))
    for experts, k, batch in NETWORKS[::2] if quick else NETWORKS:
        seconds = interleaved(networks(experts, k, batch), 20 if quick else 40)
        # at most 1.6 times, with the aim of 1.3, for top-1 of at least 64 rows an expert; the others are only reported
        least, aim = (1 / 1.6, 1 / 1.3) if k == 1 and batch * PATCHES >= 64 * experts else (0.0, 1.0)
        case = f"two layers, E={experts} k={k}, {batch} images"
        yield Row("11", f"{case}, plain of the active size", seconds["plain"] / seconds["own"], least, aim)
    if importlib.util.find_spec("transformers"):
        yield from _against_transformers(quick)


def _against_transformers(quick: bool) -> Iterator[Row]:
    import_torchvision()
    ratios: dict[str, list[float]] = {}
    for shape in LAYERS[::3] if quick else LAYERS:
        seconds = interleaved(blocks(*shape), 10 if quick else 20)
        for name in list(seconds)[1:]:
            ratio = seconds[name] / seconds["own"]
            ratios.setdefault(name, []).append(ratio)
            rows_, width, hidden, experts, k = shape
            yield Row("11", f"T={rows_} D={width} H={hidden} E={experts} k={k}, {name}", ratio, 0.0, 1.0)
    for name, found in ratios.items():
        mean = math.exp(sum(map(math.log, found)) / len(found))
        yield Row("11", f"geometric mean, {name}", mean, 1.0, 1.0)


def networks(experts: int, k: int, batch: int) -> dict[str, Call]:
    """A step of a network of mixture layers, and of the same network with plain ones of k times an expert's width."""
    draw = torch.Generator().manual_seed(0)
    x_BD = torch.randn(batch, math.prod(SHAPE), generator=draw)
    y_B = torch.randint(CLASSES, (batch,), generator=draw)
    words = [f"gate={'switch' if k == 1 else 'top_k'}", f"experts.count={experts}", f"k={k}"]
    make_layer = Layers(layer_config([*words, f"experts.hidden={HIDDEN}"]), 0)
    own, plain = (VisionTransformer(SHAPE, CLASSES, make_layer, width=WIDTH) for _ in range(2))
    for name, layer in plain.routed.items():
        plain.blocks[name].feed_forward = Plain(WIDTH, k * HIDDEN, layer)
    return {"own": _step(own, x_BD, y_B), "plain": _step(plain, x_BD, y_B)}


def _step(network: VisionTransformer, x_BD: Tensor, y_B: Tensor) -> Call:
    """A step of training with its own optimizer, and the balance of Switch on every mixture layer."""
    optimizer = Optimizer([Trainer(lr=1e-3)], list(network.parameters()), steps=1)
    noise = noise_by_layer([0], list(network.routed))
    balance = {name: SwitchBalance(layer.gate.sizes) for name, layer in network.routed.items()}

    def call() -> None:
        optimizer.zero_grad()
        output = network(x_BD, noise)
        loss = nn.functional.nll_loss(output.log_probs_BC, y_B)
        for name, layer in network.routed.items():
            step = layer.step(output.layers[name], noise[name], {})
            loss = loss + balance[name].weight * balance[name](step)
        loss.backward()
        optimizer.step()

    return call


def blocks(rows: int, width: int, hidden: int, experts: int, k: int) -> dict[str, Call]:
    """Forward and backward of one layer, moe-lab's and transformers'."""
    from transformers.models.mixtral.configuration_mixtral import MixtralConfig
    from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock

    x = torch.randn(1, rows, width, generator=torch.Generator().manual_seed(0))
    words = ["experts.activation=swiglu", "experts.bias=false"]
    made: dict[str, nn.Module] = {"own": MixtureLayer(width, *words, experts=experts, k=k, hidden=hidden)}
    sizes = {"hidden_size": width, "intermediate_size": hidden, "num_local_experts": experts, "num_experts_per_tok": k}
    for way, name in (("eager", "transformers' loop"), ("grouped_mm", "transformers' grouped product")):
        config = MixtralConfig(**sizes)
        config._experts_implementation = way
        made[name] = MixtralSparseMoeBlock(config)
        for parameter in made[name].parameters():
            nn.init.normal_(parameter, std=width**-0.5)
    return {name: _training(layer, x) for name, layer in made.items()}


def _training(layer: nn.Module, x: Tensor) -> Call:
    """A forward and a backward pass with fresh gradients, also of the input."""

    def call() -> None:
        layer.zero_grad()
        layer(x.clone().requires_grad_()).square().mean().backward()

    return call
