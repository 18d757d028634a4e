"""Small networks of mixture layers."""

from functools import cache

import pytest
import torch

from moe_lab.layers.noise import noise_by_layer, seeded
from moe_lab.mixture.layer_parts import layer_config
from moe_lab.models.mlp import Mlp
from moe_lab.models.network import Layers
from moe_lab.models.vision_transformer import VisionTransformer

SHAPE, CLASSES = (1, 6, 4), 3


@cache
def config(*words):
    return layer_config(("gate=top_k", "experts.count=5", "experts.hidden=7", *words))


def layers_of(words, seed, dispatch):
    return Layers(config(*words) | {"trainer": {"dispatch": dispatch}}, seed)


def transformer(*words, seed=0, dispatch="auto", **options):
    small = {"width": 12, "heads": 3, "depth": 2} | options
    with seeded(seed, "network"):
        return VisionTransformer(SHAPE, CLASSES, layers_of(words, seed, dispatch), **small)


def mlp(*words, seed=0, dispatch="auto", **options):
    with seeded(seed, "network"):
        return Mlp(SHAPE, CLASSES, layers_of(words, seed, dispatch), **{"width": 12} | options)


def noise_of(network, *seeds, stacked=False):
    return noise_by_layer(seeds or [0], list(network.routed), stacked=stacked)


@pytest.fixture
def x():
    return torch.randn(8, 24, generator=torch.Generator().manual_seed(1))
