"""The router that knows the chains, against the forward recursion of moe_lab/data/language/chains.py."""

import numpy as np
import pytest
import torch

from moe_lab.config.compose import compose
from moe_lab.data.language.chains import bayes, drawn, log, sequences
from moe_lab.errors import ConfigError
from moe_lab.experiment.models import build_model
from moe_lab.layers.noise import Noise, generator
from moe_lab.parts.baselines.bayes_router import ChainRouter
from moe_lab.parts.sizes import Sizes

CHAINS, SYMBOLS, WINDOWS, LENGTH = 3, 7, 40, 6
SMALL = ["network=language_model", "dataset=markov_languages", "dataset.chains=3", "dataset.symbols=7"]
SMALL += ["dataset.context=6", "dataset.sequences=200", "network.width=8", "network.heads=2", "experts.hidden=4"]


@pytest.fixture(scope="module", params=[0.0, 0.3, 1.0], ids="overlap={}".format)
def drawn_ones(request):
    rng = np.random.default_rng(0)
    chains = drawn(rng, CHAINS, SYMBOLS, 0.5, request.param)
    return chains, sequences(rng, chains, np.arange(WINDOWS) % CHAINS, LENGTH + 1)


def router_of(chains, experts=CHAINS):
    tables = (torch.from_numpy(log(one)) for one in (chains.start_MV, chains.transition_MVV))
    return ChainRouter(Sizes((4,), 0, experts, 1, places=LENGTH), *tables)


def routed(router, token_WS):
    return router(torch.from_numpy(token_WS.reshape(-1, 1).copy()), None, Noise([generator(0, "test")]))


def test_it_is_the_posterior_of_the_forward_recursion(drawn_ones):
    chains, token_NL = drawn_ones
    best = bayes(chains, token_NL)
    found = routed(router_of(chains), token_NL[:, :-1])
    np.testing.assert_allclose(
        found.probs_BE.numpy(), np.exp(best.log_posterior_NSM).reshape(-1, CHAINS), rtol=0, atol=1e-5
    )
    np.testing.assert_array_equal(found.expert_B.numpy(), best.chain_NS.ravel())
    assert (found.weights_BE.sum(-1) == 1).all() and (found.selected_BE.sum(-1) == 1).all()


def test_it_looks_at_nothing_that_comes_after(drawn_ones):
    chains, token_NL = drawn_ones
    changed = token_NL[:, :-1].copy()
    changed[:, 3:] = token_NL[:, :1]
    first, other = (
        routed(router_of(chains), one).probs_BE.reshape(WINDOWS, LENGTH, -1) for one in (token_NL[:, :-1], changed)
    )
    assert torch.equal(first[:, :3], other[:, :3])


def test_experts_beyond_the_chains_stay_empty(drawn_ones):
    chains, token_NL = drawn_ones
    found = routed(router_of(chains, CHAINS + 2), token_NL[:, :-1])
    assert (found.probs_BE[:, CHAINS:] == 0).all() and not found.selected_BE[:, CHAINS:].any()


def test_it_takes_the_place_of_the_gate_of_each_layer():
    learner = build_model(compose([*SMALL, "gate=switch", "experts.count=4", "baseline=bayes_router"]), (6,), 7, 0)
    plain = build_model(compose([*SMALL, "gate=switch", "experts.count=4"]), (6,), 7, 0)
    for name, layer in learner.network.routed.items():
        assert isinstance(layer.gate, ChainRouter) and not list(layer.gate.parameters())
        # the experts begin as they do under the gate
        of_plain = plain.network.routed[name].experts.state_dict()
        assert all(torch.equal(one, of_plain[key]) for key, one in layer.experts.state_dict().items())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "take network=language_model dataset=markov_languages"),
        (["network=mlp"], "of dataset Digits none are known: take network=language_model dataset=markov_languages"),
        ([*SMALL, "gate=switch", "experts.count=2"], "for each of the 3 chains, and there are 2 experts"),
        ([*SMALL, "gate=top_k", "k=2"], "cannot use k=2: take k=1"),
        ([*SMALL, "gate=switch", "regularizer=[switch_balance]"], "leave switch_balance out"),
    ],
)
def test_what_it_does_not_go_with(words, message):
    with pytest.raises(ConfigError, match=message):
        build_model(compose([*words, "baseline=bayes_router"]), (6,) if SMALL[0] in words else (1, 8, 8), 7, 0)
