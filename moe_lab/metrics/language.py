"""Metrics of language models: loss by domain and place, distance from the best loss, and experts against domains.

All are over the tokens of the test split; the domain of a token is that of its document. Only language models have them
in metrics.json. The *Bayes mixture* knows the chains that the documents are drawn from, but not which chain a document
is from (dataset=markov_languages).
"""

import math

import numpy as np

from moe_lab.errors import given
from moe_lab.metrics.competence import test_loss_nats
from moe_lab.metrics.formulas import entropy_bits, mutual_information_bits
from moe_lab.metrics.null import PERMUTATIONS
from moe_lab.metrics.predictions import TokenPredictions
from moe_lab.metrics.registry import Undefined, metric, require_choice, require_use
from moe_lab.metrics.traces.labelled import DocumentLabel
from moe_lab.metrics.traces.rows import Chosen, Rows
from moe_lab.metrics.traces.tables import information_per_usage
from moe_lab.metrics.traces.tokens import Kept, given_token
from moe_lab.routing.trace import NONE, LayerTrace, Trace
from moe_lab.statistics.partitions import adjusted_rand_index, table_of


@metric(unit="bits", low=0, high=None, better="lower", source="Graves 2013, arXiv:1308.0850")
def test_bits_per_byte(arrays: TokenPredictions) -> float:
    """The test loss in bits per byte of text."""
    if arrays.unit != "byte":
        raise Undefined(f"a token is a {arrays.unit}, not a byte")
    return test_loss_nats(arrays) / math.log(2)


@metric(unit="nats", low=0, high=None, better="lower", source="moe-lab")
def test_loss_by_domain_nats(arrays: TokenPredictions) -> dict[str, float]:
    """The test loss over the tokens of each domain."""
    routing = arrays.routing
    return _means(-arrays.log_likelihood_N, routing.class_N, routing.class_names)


@metric(unit="nats", low=0, high=None, better="lower", source="moe-lab")
def test_loss_by_place_nats(arrays: TokenPredictions) -> dict[str, float]:
    """The test loss over the tokens at each place of a window, counted from 0: how much the context helps."""
    return _means(-arrays.log_likelihood_N, arrays.place_N, arrays.place_names)


@metric(unit="nats", low=0, high=None, better="none", source="Cover and Thomas 2006, theorem 4.2.4")
def entropy_rate_by_domain_nats(arrays: TokenPredictions) -> dict[str, float]:
    """The least expected loss on a token of each domain if the domain is known: the chain's entropy rate."""
    rates = _known(arrays, "entropy_rate_nats")
    return dict(zip(arrays.routing.class_names, rates.tolist(), strict=True))


@metric(unit="nats", low=0, high=None, better="none", source="Bernardo and Smith 1994, posterior predictive")
def bayes_loss_nats(arrays: TokenPredictions) -> float:
    """The loss of the Bayes mixture of chains on the same tokens."""
    return _known(arrays, "bayes_loss").mean()


@metric(unit="fraction", low=-1, high=None, better="lower", source="moe-lab")
def bayes_gap(arrays: TokenPredictions) -> float:
    """(test loss - loss of the Bayes mixture) / loss of the Bayes mixture, on the same tokens.

    A run can be below the Bayes mixture by chance of the test split, by about its standard error.
    """
    best = bayes_loss_nats(arrays)
    if best == 0:
        raise Undefined("the loss of the Bayes mixture is 0")
    return test_loss_nats(arrays) / best - 1


@metric(unit="nats", low=0, high=None, better="none", source="Bernardo and Smith 1994, posterior predictive")
def bayes_loss_by_place_nats(arrays: TokenPredictions) -> dict[str, float]:
    """The loss of the Bayes mixture of chains over the tokens at each place of a window, counted from 0."""
    return _means(_known(arrays, "bayes_loss"), arrays.place_N, arrays.place_names)


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab")
def bayes_router_accuracy_by_place(arrays: TokenPredictions) -> dict[str, float]:
    """Share of tokens at each place of a window whose domain is the most probable one, given the tokens up to there.

    It is how soon any router can know the domain.
    """
    right_N = _known(arrays, "bayes_domain") == arrays.routing.class_N
    return _means(right_N, arrays.place_N, arrays.place_names)


@metric(unit="ratio", low=-0.5, high=1, better="higher", source="Hubert and Arabie 1985")
def domain_recovery_ari(arrays: TokenPredictions) -> float:
    """Adjusted Rand index of the tokens' arg-max experts with their domains; 0 is chance, 1 the same partition."""
    require_choice(arrays.routing)
    return _ari(arrays.routing.label_counts_EC)


@metric(unit="ratio", low=-0.5, high=1, better="higher", source="Hubert and Arabie 1985")
def document_recovery_ari(arrays: TokenPredictions) -> float:
    """Adjusted Rand index of documents' experts with their domains; a document has the expert of most of its tokens."""
    routing, document_N = arrays.routing, arrays.document_N
    require_choice(routing)
    routed_N = routing.routed_N
    documents = int(document_N.max()) + 1
    counts_DE = table_of(document_N[routed_N], routing.expert_N[routed_N], documents, routing.experts)
    expert_D = np.where(counts_DE.any(1), counts_DE.argmax(1), NONE)
    domain_D = _domains(arrays, documents)
    has_D = expert_D != NONE
    return _ari(table_of(expert_D[has_D], domain_D[has_D], routing.experts, routing.classes))


@metric(unit="fraction", low=0, high=1, better="higher", source="Rosenberg and Hirschberg 2007, homogeneity")
def domain_homogeneity(arrays: TokenPredictions) -> float:
    """I(E;domain)/H(domain): 1 if every expert has tokens of one domain only; a domain may have several experts.

    With fewer experts than domains it stays below 1.
    """
    require_choice(arrays.routing)
    counts_EC = arrays.routing.label_counts_EC
    domain_bits = float(entropy_bits(counts_EC.sum(0)))
    if domain_bits == 0:
        raise Undefined("there is one domain only")
    return mutual_information_bits(counts_EC) / domain_bits


@metric(unit="fraction", low=0, high=1, better="none", source="moe-lab; permutations of documents: Good 2005")
def domain_information_null_per_usage(arrays: TokenPredictions) -> float:
    """Mean I(E;domain)/H(load) over 199 permutations of the domains over the documents: its value by chance alone.

    Tokens of a document depend on each other, so this is more than permutations of tokens would give.
    """
    label, chosen = _by_document(arrays)
    [tables] = label.tables([chosen])
    return float(information_per_usage(tables.null_PGE).mean())


@metric(unit="fraction", low=None, high=None, better="none", source="Cover and Thomas 2006, eq. 2.60")
def domain_given_token_per_usage(arrays: TokenPredictions) -> float:
    """I(E;domain|token)/H(load): the arg-max expert's information about the domain beyond that of the token.

    Over tokens that occur with two domains and in ten documents. The bias of the plug-in value is subtracted, estimated
    by permutations of the domains over the documents of each token (moe_lab/metrics/traces/tokens.py). The result is
    not clipped, so it may be negative.
    """
    label, chosen = _by_document(arrays)
    found = given_token(label, chosen, Kept.of(label, label.rows.sorted(arrays.token_N)))
    return found.value - given(found.bias, "the bias")


#: the metrics that differ between the layers of a network
OF_A_LAYER = (
    domain_recovery_ari,
    document_recovery_ari,
    domain_homogeneity,
    domain_information_null_per_usage,
    domain_given_token_per_usage,
)
OF_PREDICTIONS = (
    test_bits_per_byte,
    test_loss_by_domain_nats,
    test_loss_by_place_nats,
    entropy_rate_by_domain_nats,
    bayes_loss_nats,
    bayes_gap,
    bayes_loss_by_place_nats,
    bayes_router_accuracy_by_place,
)


def _by_document(arrays: TokenPredictions) -> tuple[DocumentLabel, Chosen]:
    """The domain as a label of documents, and the arg-max experts of the tokens, in the order of documents."""
    routing, document_N = arrays.routing, arrays.document_N
    require_use(routing)
    layer = LayerTrace(name="experts", experts=routing.experts, experts_TK=routing.expert_N[:, None])
    rows = Rows.of(Trace(layers=(layer,), document_T=document_N))
    domain_D = _domains(arrays, rows.documents)
    label = DocumentLabel("domain", routing.class_names, rows, PERMUTATIONS, 0, domain_D)
    label.require_two()
    return label, Chosen.first(layer, rows)


def _domains(arrays: TokenPredictions, documents: int) -> np.ndarray:
    """The domain of each document."""
    domain_D = np.zeros(documents, dtype=np.int64)
    domain_D[arrays.document_N] = arrays.routing.class_N
    return domain_D


def _known(arrays: TokenPredictions, name: str) -> np.ndarray:
    if name not in arrays.known:
        raise Undefined("the best prediction of this data set is not known")
    return arrays.known[name]


def _means(value_N: np.ndarray, group_N: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """The mean of each group with at least one token."""
    count_G = np.bincount(group_N, minlength=len(names))
    sum_G = np.bincount(group_N, value_N, minlength=len(names))
    return {name: sum_G[g] / count_G[g] for g, name in enumerate(names) if count_G[g]}


def _ari(counts_EC: np.ndarray) -> float:
    used = counts_EC[counts_EC.any(1)][:, counts_EC.any(0)]
    if min(used.shape) < 2:
        raise Undefined("one expert has all tokens, or there is only one domain")
    try:
        return adjusted_rand_index(used)
    except ValueError as trivial:
        raise Undefined(str(trivial)) from None
