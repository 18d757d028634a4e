"""What the experts of each layer follow, as a table."""

import numpy as np
import pytest

from moe_lab.reports.network.followed import followed_section
from moe_lab.routing.trace import Labels, LayerTrace, Trace

#: two layers of two experts, four rows of two documents
EXPERTS = {"block0": [[0], [0], [1], [1]], "block1": [[0], [0], [0], [0]]}


@pytest.fixture
def trace():
    layers = tuple(
        LayerTrace(name=name, experts=2, experts_TK=np.array(experts_TK)) for name, experts_TK in EXPERTS.items()
    )
    labels = {"class": Labels(value=np.array([0, 1]), names=("a", "b"))}
    return Trace(layers=layers, document_T=np.array([0, 0, 1, 1]), document_labels=labels)


def metrics_of(**others):
    """block0 follows the class alone; block1 has one expert, so that nothing is defined."""
    followed = {"block0": {"class": 1.0, "position": 0.25}, "block1": {"class": None, "position": None}}
    found = {f"{layer}.attribute_information_per_usage": {"value": value} for layer, value in followed.items()}
    return found | {name.replace("_in_", "."): {"value": value} for name, value in others.items()}


def test_a_row_a_label_and_a_column_a_layer(trace):
    [table] = followed_section(metrics_of(), trace).tables
    assert table.header == ("label", "block0", "block1")
    assert [row[0] for row in table.rows] == ["class", "position"]
    assert [row[1].replace("\N{NO-BREAK SPACE}", " ") for row in table.rows] == ["100.0 %", "25.0 %"]
    assert len({row[2] for row in table.rows}) == 1 and "By chance" not in table.caption


def test_of_the_domain_what_is_chance_and_what_the_token_tells(trace):
    domain = {"domain_information_null_per_usage": 0.01, "domain_given_token_per_usage": -0.002}
    entries = {f"{layer}_in_{name}": value for layer in EXPERTS for name, value in domain.items()}
    [table] = followed_section(metrics_of(**entries), trace).tables
    assert [row[0] for row in table.rows][2:] == ["domain, by chance", "domain, given the token"]
    assert [row[1].replace("\N{NO-BREAK SPACE}", " ") for row in table.rows][2:] == ["1.0 %", "\N{MINUS SIGN}0.2 %"]
    assert "By chance" in table.caption and "below 0" in table.caption


@pytest.mark.parametrize(
    ("slots", "said"),
    [
        (1, "H(E) and H(load) are the same entropy here, since a row selects one expert."),
        (2, "H(load) is the entropy of first choices, H(E) that of all slots"),
    ],
)
def test_the_two_estimators_and_the_two_entropies_are_told_apart(slots, said):
    experts_TK = np.tile(np.arange(slots), (4, 1))
    layers = tuple(LayerTrace(name=name, experts=4, experts_TK=experts_TK) for name in ("block0", "block1"))
    [table] = followed_section(metrics_of(), Trace(layers=layers, document_T=np.arange(4))).tables
    assert "The values of labels are plug-in values, which few documents make too large; so are" in table.caption
    assert "Wherever I(E;label)/H(E) stands, that is taken off" in table.caption and said in table.caption
