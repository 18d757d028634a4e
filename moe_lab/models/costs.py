"""The costs of one sample's prediction by a network: parameters and multiply-adds, total and active."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch

from moe_lab.layers.noise import noise_by_layer
from moe_lab.layers.stacking import count_parameters
from moe_lab.mixture.costs import SAMPLES, Products, running_experts
from moe_lab.mixture.dispatchers import for_every_expert
from moe_lab.mixture.routed import RoutedExperts
from moe_lab.models.network import Network


def network_parameter_counts(network: Network) -> dict[str, int]:
    """All parameters of a network, and the most that are used for one sample.

    The latter are without those of experts that a row of a mixture layer does not select. A row that selects experts
    without a network needs fewer.
    """
    banks = {name: count_parameters(layer.experts.bank) for name, layer in network.routed.items()}
    total, resting = _of_all_processes(network, count_parameters(network), banks)
    return {"parameters_total": total, "parameters_active": total - resting}


def _of_all_processes(network: Network, here: int, banks: Mapping[str, int]) -> tuple[int, int]:
    """What all experts count, and those that a row does not use, given what is counted of this process and of its share
    of each layer's experts."""
    total, resting = here, 0
    for name, layer in network.routed.items():
        each = banks[name] // (layer.experts.computing - layer.experts.elsewhere)
        total += each * layer.experts.elsewhere
        resting += each * _resting(layer)
    return total, resting


def _resting(layer: RoutedExperts) -> int:
    """The number of experts' networks in a layer that a row does not use if it selects as many as possible."""
    return layer.experts.computing - running_experts(layer)


def network_multiply_add_counts(network: Network, features: int, device: torch.device) -> dict[str, int]:
    """``multiply_add_counts`` of a network: without the experts that a row does not select, and with all.

    Experts without a network have no products except the two shares of a constant expert.
    """
    x_BD = torch.zeros(SAMPLES, features, dtype=torch.int64 if network.reads_tokens else torch.float32, device=device)
    noise = noise_by_layer([0], list(network.routed), device)
    network.eval()
    banks = {name: layer.experts.bank for name, layer in network.routed.items()}
    with torch.no_grad(), _all_experts(network), Products() as products, products.of(banks):
        network(x_BD, noise)
    counts = {name: products.counts[name] // SAMPLES for name in banks}
    total, resting = _of_all_processes(network, sum(products.counts.values()) // SAMPLES, counts)
    return {"multiply_adds_total": total, "multiply_adds_active": total - resting}


@contextmanager
def _all_experts(network: Network) -> Iterator[None]:
    """Context in which all experts of every mixture layer run."""
    layers = list(network.routed.values())
    dispatchers = [layer.dispatcher for layer in layers]
    for layer in layers:
        layer.dispatcher = for_every_expert(layer.gate)
    yield
    for layer, dispatcher in zip(layers, dispatchers, strict=True):
        layer.dispatcher = dispatcher
