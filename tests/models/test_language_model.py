"""The language model: its predictions by hand, causality under every gate that it takes, and runs of a stack."""

import copy
from functools import cache
from pathlib import Path

import pytest
import torch

from moe_lab.errors import ConfigError
from moe_lab.layers.noise import noise_by_layer, seeded
from moe_lab.layers.stacking import stack
from moe_lab.layers.transformer import Embedding, SelfAttention
from moe_lab.mixture.layer_parts import layer_config
from moe_lab.models.language_model import LanguageModel
from moe_lab.models.network import Layers
from moe_lab.routing.values import TokensOutput

SEQUENCES, PLACES, TOKENS = 6, 8, 11
GATES = sorted(path.stem for path in (Path(__file__).parents[2] / "conf" / "gate").glob("*.yaml"))
#: gates that cannot be in any mixture layer, by what their message says
IN_NO_LAYER = {
    "classifier_selection": "is fitted to",
    "expert_loss": "weights without gradient",
    "loudest": "reads what experts predict",
    "matching_pursuit": "weights without gradient",
    "stochastic": "weights without gradient",
}
LOOKS_AHEAD = ["document_pool", "expert_choice", "soft_moe"]
CAUSAL = [(f"gate={gate}",) for gate in GATES if gate not in {*IN_NO_LAYER, *LOOKS_AHEAD}]
CAUSAL += [("gate=document_pool", "gate.select.over=before", "gate.select.pool=3")]


@cache
def config(*words):
    return layer_config(("experts.count=5", "experts.hidden=7", *words))


def model(*words, seed=0, **options):
    words = words if any(word.startswith("gate=") for word in words) else ("gate=top_k", *words)
    with seeded(seed, "network"):
        layers = Layers(config(*words), seed)
        return LanguageModel((PLACES,), TOKENS, layers, **{"width": 12, "heads": 3, "depth": 2} | options)


def noise_of(network, *seeds, stacked=False):
    return noise_by_layer(seeds or [0], list(network.routed), stacked=stacked)


@pytest.fixture
def x():
    return torch.randint(TOKENS, (SEQUENCES, PLACES), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("words", CAUSAL, ids=" ".join)
def test_no_prediction_depends_on_what_comes_after(words, x):
    network = model(*words).eval()
    before = network(x, noise_of(network)).log_probs_BC
    for place in (0, 3, PLACES - 2):
        changed = x.clone()
        changed[:, place + 1 :] = (x[:, place + 1 :] + 1 + torch.arange(PLACES - place - 1)) % TOKENS
        after = network(changed, noise_of(network)).log_probs_BC
        torch.testing.assert_close(after[:, : place + 1], before[:, : place + 1], rtol=0, atol=1e-6)
        assert not torch.allclose(after[:, place + 1 :], before[:, place + 1 :])


@pytest.mark.parametrize("words", CAUSAL, ids=" ".join)
def test_no_prediction_depends_on_batch_mates(words, x):
    network = model(*words).eval()
    whole, part = (network(one, noise_of(network)).log_probs_BC for one in (x, x[:2]))
    torch.testing.assert_close(part, whole[:2], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "words",
    [
        ("gate=expert_choice",),
        *((f"gate={gate}", "gate.select.evaluation_factor=1.25") for gate in ("gshard_top2", "batch_prioritized")),
    ],
)
def test_gates_that_look_at_other_tokens_are_refused(words):
    with pytest.raises(ConfigError, match=r"from the other tokens of its batch.*take gate=top_k"):
        model(*words)


@pytest.mark.parametrize(
    ("gate", "remedy"), [("document_pool", "take gate.select.over=before"), ("soft_moe", "take gate=top_k")]
)
def test_what_later_tokens_decide_is_refused(gate, remedy):
    with pytest.raises(ConfigError, match=rf"tokens of its window that come after it.*{remedy}"):
        model(f"gate={gate}")


@pytest.mark.parametrize("gate", IN_NO_LAYER)
def test_gates_that_are_in_no_layer(gate):
    with pytest.raises(ConfigError, match=IN_NO_LAYER[gate]):
        model(f"gate={gate}")


def test_a_layer_that_looks_ahead_would_be_found(x):
    """What the test of causality rests on: with attention to all places it fails."""
    network = model().eval()
    before = network(x, noise_of(network)).log_probs_BC
    for block in network.blocks.values():
        block.attention._causal = False
    after = network(x, noise_of(network)).log_probs_BC
    assert not torch.allclose(after[:, 0], before[:, 0], atol=1e-4)


def test_causal_attention_by_hand():
    """One head: the first place sees itself alone, so its value goes through; the last sees all."""
    with seeded(0, "attention"):
        attention = SelfAttention(4, 1, causal=True)
        free = SelfAttention(4, 1)
    free.load_state_dict(attention.state_dict())
    x_TD = torch.randn(3, 4, generator=torch.Generator().manual_seed(2))
    value = attention.inner(x_TD)[0, 8:]
    torch.testing.assert_close(attention(x_TD, 3)[0], attention.outer(value.unsqueeze(0))[0])
    torch.testing.assert_close(attention(x_TD, 3)[-1], free(x_TD, 3)[-1])


def test_a_sample_counts_with_the_mean_over_its_tokens():
    """Probabilities 1/2 and 1/4 of the true tokens 0 and 1: (ln 2 + ln 4) / 2; the second of the two is wrong."""
    probs = torch.tensor([[[0.5, 0.3, 0.2], [0.7, 0.25, 0.05]]])
    output = TokensOutput(probs.log(), {})
    y = torch.tensor([[0, 1]])
    ln2 = torch.log(torch.tensor(2.0))
    torch.testing.assert_close(output.log_likelihoods(y), torch.stack([-ln2, -2 * ln2]).unsqueeze(0))
    torch.testing.assert_close(output.log_likelihood_B(y), -1.5 * ln2.unsqueeze(0))
    assert output.scores(y)["errors"].tolist() == [0.5]
    assert output.prediction_B.tolist() == [[0, 0]]


def test_hash_hashes_the_token(x):
    """Equal tokens have equal experts, at every place and after every step."""
    network = model("gate=hash").eval()
    for parameter in network.parameters():
        parameter.data.mul_(1.1)
    chosen = network(x, noise_of(network)).layers["block1"].routing.selected_BE
    of_token = {}
    for token, experts in zip(x.flatten().tolist(), chosen.tolist(), strict=True):
        assert of_token.setdefault(token, experts) == experts
    assert len({tuple(experts) for experts in of_token.values()}) > 1


def test_embedding_of_several_runs(x):
    with seeded(0, "embedding"):
        solos = [Embedding(TOKENS, 3) for _ in range(2)]
    together = stack(copy.deepcopy(solos))
    for own in (x, torch.stack([x, x.flip(0)])):
        for run, solo in enumerate(solos):
            torch.testing.assert_close(together(own)[run], solo(own if own.ndim == 2 else own[run]), rtol=0, atol=0)


@pytest.mark.parametrize("shared", [False, True], ids=["own data", "shared minibatch"])
@pytest.mark.parametrize("gate", ["switch", "noisy_top_k", "softmax", "hash"])
def test_stacked_runs_equal_solo_runs(gate, shared, x):
    solos = [model(f"gate={gate}", seed=run, where=(1,), shared_experts=1).train() for run in range(3)]
    xs = x.expand(3, SEQUENCES, PLACES) if shared else torch.stack([x, x.flip(-1), x.flip(0)])
    together = stack(copy.deepcopy(solos))
    found = together(x if shared else xs, noise_of(together, 0, 1, 2, stacked=True)).log_probs_BC
    for run, solo in enumerate(solos):
        own = solo(xs[run], noise_of(solo, run)).log_probs_BC
        torch.testing.assert_close(found[run], own, rtol=1e-4, atol=1e-5)


def test_its_widest_tensor_can_be_that_of_its_predictions():
    # 8 places x 11 tokens, against 8 x 2 experts x 12 features; and 8 x 2 x 12 against 8 x 300
    assert model().numbers == 8 * 2 * 12
    with seeded(0, "network"):
        wide = LanguageModel((PLACES,), 300, Layers(config("gate=top_k"), 0), width=12, heads=3)
    assert wide.numbers == 8 * 300


def test_heads_divide_the_width():
    with pytest.raises(ConfigError, match=r"network\.heads=5 does not divide network\.width=12"):
        model(heads=5)


def test_a_window_is_a_group_of_rows(x):
    network = model()
    groups = network.groups(x.roll(-1, -1), TOKENS)
    assert list(groups) == ["document", "position"] == list(network.scopes)
    assert groups["document"].number_B.tolist() == [window for window in range(SEQUENCES) for _ in range(PLACES)]
    assert (groups["document"].count, groups["position"].count) == (SEQUENCES, PLACES)
    assert groups["position"].number_B.tolist() == list(range(PLACES)) * SEQUENCES
    # of a stack of runs, each with windows of its own
    stacked = network.groups(torch.stack([x, x]), TOKENS)["document"]
    assert stacked.count == SEQUENCES and stacked.number_B.shape[-1] == SEQUENCES * PLACES
