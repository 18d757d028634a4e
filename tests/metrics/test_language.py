"""Metrics of language models, by hand."""

import math
from dataclasses import replace

import numpy as np
import pytest

from moe_lab.metrics import METRICS
from moe_lab.metrics.language import OF_A_LAYER, OF_PREDICTIONS
from moe_lab.metrics.networks import network_metrics
from moe_lab.routing.trace import Labels, LayerTrace, Trace

LN2 = math.log(2)
ADDS = {"multiply_adds_total": np.array(500), "multiply_adds_active": np.array(200)}
#: six tokens of three documents, the first two of domain a; windows of two tokens
EXPERTS = np.array([[0], [1], [0], [0], [1], [1]])


def trace_of(experts_TK=EXPERTS, domain_D=(0, 0, 1)):
    return Trace(
        layers=(
            LayerTrace(name="block0", experts=3, experts_TK=np.zeros((6, 1), dtype=np.int64)),
            LayerTrace(name="block1", experts=3, experts_TK=experts_TK),
        ),
        document_T=np.array([0, 0, 1, 1, 2, 2]),
        token_id_T=np.array([1, 0, 1, 1, 0, 0]),
        row_labels={"position": Labels(value=np.array([0, 1] * 3), names=("0", "1"))},
        document_labels={"domain": Labels(value=np.array(domain_D), names=("a", "b"))},
    )


def files_of(unit="byte", **known):
    return {
        "test": {
            "label": np.array([0, 1, 1, 1, 0, 0]),
            "prediction": np.array([0, 1, 0, 1, 0, 1]),
            "loss": LN2 * np.array([1, 2, 3, 1, 2, 3]),
            "sample_index": np.array([4, 4, 7, 7, 9, 9]),
            "class_names": np.array(["x", "y"]),
            "unit": np.array(unit),
            **known,
        },
        "costs": {"parameters_total": np.array(90), "parameters_active": np.array(30), **ADDS},
    }


KNOWN = {
    "bayes_loss": LN2 * np.array([1, 1, 2, 1, 1, 2.0]),
    "bayes_domain": np.array([0, 0, 1, 0, 1, 0]),
    "entropy_rate_nats": np.array([0.5, 0.25]),
}
EXPECTED = {
    "test_error_rate": 2 / 6,
    "test_loss_nats": 12 / 6 * LN2,
    "parameters_total": 90,
    "parameters_active": 30,
    "multiply_adds_total": 500,
    "multiply_adds_active": 200,
    "test_bits_per_byte": 2,
    # tokens 0 to 3, and 4 and 5; tokens 0, 2 and 4, and 1, 3 and 5
    "test_loss_by_domain_nats": {"a": 7 / 4 * LN2, "b": 5 / 2 * LN2},
    "test_loss_by_place_nats": {"0": 6 / 3 * LN2, "1": 6 / 3 * LN2},
    "entropy_rate_by_domain_nats": {"a": 0.5, "b": 0.25},
    "bayes_loss_nats": 8 / 6 * LN2,
    # 12 / 8 - 1
    "bayes_gap": 0.5,
    "bayes_loss_by_place_nats": {"0": 4 / 3 * LN2, "1": 4 / 3 * LN2},
    # right: 0, 1, 3 and 4
    "bayes_router_accuracy_by_place": {"0": 2 / 3, "1": 2 / 3},
    # experts 0 1 0 0 | 1 1: pairs joined by both 3 + 0 + 1 = 4, by experts 3 + 3, by domains 6 + 1, of 15:
    # (4 - 42/15) / (13/2 - 42/15)
    "domain_recovery_ari": (4 - 2.8) / (6.5 - 2.8),
    # a document with as many tokens of two experts has the lower one: 0 0 1 are the domains
    "document_recovery_ari": 1,
    # table 3 0 / 1 2 of experts and domains: H(domain) = H(1/3), H(domain|E) = 3/6 0 + 3/6 H(1/3)
    "domain_homogeneity": 0.5,
    # no token is seen in ten documents
    "domain_given_token_per_usage": None,
}
#: by chance, so that a test of its own says how near it is
BY_CHANCE = {"domain_information_null_per_usage"}


@pytest.fixture
def entries():
    return network_metrics(trace_of(), files_of(**KNOWN))


def test_every_metric_has_an_expected_value():
    assert {name for name, one in METRICS.items() if one.of_tokens} <= EXPECTED.keys() | BY_CHANCE
    assert {one.__name__ for one in (*OF_A_LAYER, *OF_PREDICTIONS)} == {
        name for name, one in METRICS.items() if one.of_tokens
    }


@pytest.mark.parametrize("name", EXPECTED)
def test_value_by_hand(name, entries):
    assert entries[name]["value"] == pytest.approx(EXPECTED[name])
    assert entries[name]["unit"] == METRICS[name].unit


def test_metrics_of_routing_are_of_the_domain_and_of_each_layer(entries):
    # the arg-max expert of the last layer against the domain: table 3 0 / 1 2
    assert entries["purity"]["value"] == pytest.approx(5 / 6)
    assert entries["block1.purity"] == entries["purity"]
    assert entries["block1.domain_recovery_ari"] == entries["domain_recovery_ari"]
    # the first layer sends all to one expert
    assert entries["block0.domain_recovery_ari"]["reason"] == "one expert has all tokens, or there is only one domain"
    assert "worst_class_error_rate" not in entries and "block0.test_bits_per_byte" not in entries


def test_what_is_not_known_has_a_reason():
    entries = network_metrics(trace_of(), files_of(unit="symbol"))
    assert entries["test_bits_per_byte"]["reason"] == "a token is a symbol, not a byte"
    for name in ("bayes_gap", "bayes_loss_nats", "entropy_rate_by_domain_nats", "bayes_router_accuracy_by_place"):
        assert entries[name]["reason"] == "the best prediction of this data set is not known"
    certain = network_metrics(trace_of(), files_of(**{**KNOWN, "bayes_loss": np.zeros(6)}))
    assert certain["bayes_gap"]["reason"] == "the loss of the Bayes mixture is 0"


def test_tokens_that_no_expert_has_are_left_out():
    """Without tokens 1 and 5: experts 0 | 0 0 | 1, which are the domains; a document without an expert counts not."""
    some = np.array([[0], [-1], [0], [0], [1], [-1]])
    entries = network_metrics(trace_of(some), files_of(**KNOWN))
    assert entries["domain_recovery_ari"]["value"] == entries["document_recovery_ari"]["value"] == 1
    none = np.array([[0], [1], [-1], [-1], [1], [1]])
    # documents 0 and 2 are left, each alone with its expert and its domain
    found = network_metrics(trace_of(none), files_of(**KNOWN))["document_recovery_ari"]
    assert found["value"] is None and "each sample alone" in found["reason"]


def test_several_experts_of_one_domain_are_no_failure_of_homogeneity():
    """Experts 0 1 | 0 1 are of domain a, 2 2 of b: each knows its domain, and pairs of a are torn apart."""
    several = network_metrics(trace_of(np.array([[0], [1], [0], [1], [2], [2]])), files_of())
    assert several["domain_homogeneity"]["value"] == pytest.approx(1)
    # joined by both 1 + 1 + 1 = 3, by experts 3, by domains 6 + 1, of 15: (3 - 21/15) / (10/2 - 21/15)
    assert several["domain_recovery_ari"]["value"] == pytest.approx((3 - 1.4) / (5 - 1.4))


def test_one_domain_has_nothing_to_recover():
    entries = network_metrics(
        replace(trace_of(), document_labels=trace_of(domain_D=(0, 0, 0)).document_labels), files_of()
    )
    assert entries["domain_recovery_ari"]["value"] is None
    assert entries["domain_homogeneity"]["reason"] == "there is one domain only"


def test_what_chance_tells_of_the_domain(entries):
    """b is the document with experts 0 1, 0 0 or 1 1: I = 0, or 1 - 4/6 H(1/4) = .4591 of H = 1 in two of three."""
    assert entries["domain_information_null_per_usage"]["value"] == pytest.approx(2 / 3 * 0.4591, abs=0.05)


def test_experts_follow_the_token_among_other_things(entries):
    # experts 0 1 0 0 1 1 of the tokens 1 0 1 1 0 0: each tells the other
    assert entries["attribute_information_per_usage"]["value"]["token"] == 1
    assert list(entries["attribute_information_per_usage"]["value"]) == ["token", "position", "domain"]


def many(expert_DS, token_DS):
    """Forty documents, of a and b in turns, with these experts of these tokens."""
    documents, length = token_DS.shape
    document_T = np.repeat(np.arange(documents), length)
    trace = Trace(
        layers=(LayerTrace(name="block0", experts=2, experts_TK=expert_DS.reshape(-1, 1)),),
        document_T=document_T,
        token_id_T=token_DS.ravel(),
        row_labels={"position": Labels(value=np.tile(np.arange(length), documents), names=("0", "1", "2", "3"))},
        document_labels={"domain": Labels(value=np.arange(documents) % 2, names=("a", "b"))},
    )
    test = {"label": token_DS.ravel(), "prediction": token_DS.ravel(), "loss": np.ones(len(document_T))}
    test |= {"sample_index": document_T, "class_names": np.array(["x", "y"]), "unit": np.array("byte")}
    return network_metrics(trace, files_of() | {"test": test})


def test_the_domain_given_the_token():
    """Domain a has three times token 0 and once token 1, b the reverse. Experts that follow the token tell of the
    domain H(1/2) - H(1/4) = .1887 of one bit, and nothing beyond the token; experts that are the domain tell all, less
    what a token tells of it: H(domain|token) = H(1/4) = .8113."""
    token_DS = np.array([[0, 0, 0, 1], [1, 1, 1, 0]] * 20)
    by_token = many(token_DS, token_DS)
    assert by_token["attribute_information_per_usage"]["value"]["domain"] == pytest.approx(0.1887, abs=1e-4)
    assert by_token["domain_given_token_per_usage"]["value"] == pytest.approx(0, abs=1e-9)
    domain_DS = np.array([[0] * 4, [1] * 4] * 20)
    by_domain = many(domain_DS, token_DS)
    assert by_domain["domain_given_token_per_usage"]["value"] == pytest.approx(0.8113, abs=0.05)
    # forty documents of one expert each: (2 - 1)(2 - 1) / (2 40 ln 2) by chance
    assert by_domain["domain_information_null_per_usage"]["value"] == pytest.approx(1 / (80 * LN2), abs=0.006)
