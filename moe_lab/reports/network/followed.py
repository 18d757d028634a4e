"""The table of what the experts of each layer follow."""

from collections.abc import Mapping
from typing import Any

from moe_lab.metrics.networks import FOLLOWED, TOKEN_LABEL
from moe_lab.reports.kit.numbers import NONE, quantity
from moe_lab.reports.kit.section import Section
from moe_lab.reports.kit.table import Table
from moe_lab.routing.trace import Trace

#: of a language model: metric of a layer -> label of its row
OF_THE_DOMAIN = {
    "domain_information_null_per_usage": f"{TOKEN_LABEL}, by chance",
    "domain_given_token_per_usage": f"{TOKEN_LABEL}, given the token",
}


def followed_section(metrics: Mapping[str, Any], trace: Trace) -> Section:
    """I(E;A)/H(load) of every label A in each layer.

    For a language model also the domain's value by chance, and beyond the token.
    """
    layers = [layer.name for layer in trace.layers]
    of_layers = [metrics[f"{layer}.{FOLLOWED}"]["value"] for layer in layers]
    rows = [(label, *(_share(one[label]) for one in of_layers)) for label in of_layers[0]]
    for name, label in OF_THE_DOMAIN.items():
        if f"{layers[0]}.{name}" in metrics:
            rows.append((label, *(_share(metrics[f"{layer}.{name}"]["value"]) for layer in layers)))
    known = (
        " By chance: the mean if domains are permuted over documents. Given the token: the experts' information about "
        "the domain beyond that of the token itself, corrected for the bias of few documents, so it may be below 0."
        if len(rows) > len(of_layers[0])
        else ""
    )
    table = Table(
        "Share of the experts' use",
        ("label", *layers),
        "l" + "r" * len(layers),
        tuple(rows),
        "I(E;label)/H(load) of the first choice: the share of the experts' use that follows a label, over all test "
        f"rows. A label with many values has more by chance.{known} The values of labels are plug-in values, "
        "which few documents make too large; so are those of the headline. Wherever I(E;label)/H(E) stands, that is "
        f"taken off, so it is a little smaller. {_usages(trace)} Chapters below test what is beyond chance.",
    )
    return Section("What experts follow", (), (), (table,))


def _usages(trace: Trace) -> str:
    """How H(E) and H(load) differ."""
    if all(layer.slots == 1 for layer in trace.layers):
        return "H(E) and H(load) are the same entropy here, since a row selects one expert."
    return "H(load) is the entropy of first choices, H(E) that of all slots, or of first choices if that is said."


def _share(value: float | None) -> str:
    return NONE if value is None else quantity(value, "fraction")
