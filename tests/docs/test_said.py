"""Sentences of pages on kept runs are computed again from these, and no decimal of such a page stands elsewhere."""

from math import log2

import pytest

from moe_lab.statistics import summary
from tests.docs.sentences import Kept, Said, number, percent, prose, uncarried

CLASS = "mutual_information_expert_label_bits"
LOSS = "test_loss_nats"

images, chains, text, six = (
    Kept(f"balancing-scope/{name}.csv") for name in ("digits", "markov-languages", "text-modules", "text-folder")
)
patches = Kept("mixture-layers/runs.csv")
places, words = (Kept(f"layers/{name}/study-runs.csv") for name in ("digits", "text-modules"))


def mean(kept, arm, name):
    return summary(kept.of(arm, name)).mean


def more_loss(kept):
    """Of balance within documents, relative to balance over the batch."""
    return mean(kept, "document", LOSS) / mean(kept, "batch", LOSS) - 1


def share_of_use(kept, layer):
    """I(E;domain) of balance over the batch, relative to the entropy of the arg-max experts."""
    return mean(kept, "batch", f"{layer}.{CLASS}") / mean(kept, "batch", f"{layer}.load_entropy_bits")


def follows(kept, arm, layer, what, digits=0):
    return percent(mean(kept, arm, f"{layer}.attribute_information_per_usage: {what}"), digits)


def given_token(arm, layer):
    return percent(mean(words, arm, f"{layer}.domain_given_token_per_usage"))


BALANCE = [
    Said(
        "94 % in the second), in ten of ten seeds, at {} more loss ({} nats, {}).",
        (
            percent(more_loss(chains)),
            chains.less("document", "batch", LOSS, sign=True),
            chains.ends("document", "batch", LOSS, sign=True),
        ),
    ),
    Said("56 % in the first layer), in ten of ten seeds, at {} more loss.", (percent(more_loss(text)),)),
    Said("little to begin with: {} of H(load) in the second layer.", (percent(share_of_use(text, "block1")),)),
    Said("76 % of the mean), in ten of ten seeds, at {} more loss.", (percent(more_loss(six)),)),
    Said(
        "I(E;domain) is {} of H(load), of {} bits that the domains have.",
        (percent(share_of_use(six, "block1")), number(log2(6), 2)),
    ),
]
LAYERS = [
    Said(
        "place tells {} and the class {} in the first layer, {} and {} in the second, with one expert a patch",
        tuple(follows(places, "switch", layer, of) for layer in ("block0", "block1") for of in ("position", "class")),
    ),
    Said(
        "has the lower error: {} against {} (one expert) and {} (two).",
        tuple(percent(mean(places, arm, "test_error_rate")) for arm in ("dense", "switch", "top_k")),
    ),
    Said(
        "{} of the expert in the first layer and {} in the second with one expert a token, {} and {} with two.",
        tuple(follows(words, arm, layer, "token") for arm in ("switch", "top_k") for layer in ("block0", "block1")),
    ),
    Said(
        "it still tells {} in the first layer and {} in the second with one expert, {} and {} with two;",
        tuple(given_token(arm, layer) for arm in ("switch", "top_k") for layer in ("block0", "block1")),
    ),
    Said(
        "{} and {} nats a byte against {} ({}, {}, less switch). "
        "Two experts a token have a lower loss than one ({}, {});",
        (
            *(words.mean(arm, LOSS) for arm in ("switch", "top_k", "dense")),
            words.less("dense", "switch", LOSS, sign=True),
            words.ends("dense", "switch", LOSS, sign=True),
            words.less("top_k", "switch", LOSS, sign=True),
            words.ends("top_k", "switch", LOSS),
        ),
    ),
]
shares = {layer: patches.of("mixture layers", f"{layer}: class") for layer in ("block0", "block1")}
PATCHES = [
    Said(
        "(the smallest share of the class in block1 is {}, the largest in block0 {}).",
        (number(min(shares["block1"]), 2), number(max(shares["block0"]), 2)),
    )
]
#: page -> its sentences, and what else has a decimal: settings, and numbers of which no run is kept
PAGES = {
    "studies/balancing-scope.md": (BALANCE, ["p = .01 with 100 permutations"]),
    "studies/layers.md": (LAYERS, ["beyond the .2 to .3 % of chance"]),
    "studies/mixture-layers.md": (PATCHES, ["balance 0.01"]),
}


@pytest.mark.parametrize(("page", "said"), [(page, one) for page, (said, _) in PAGES.items() for one in said])
def test_a_sentence_has_the_numbers_of_the_kept_runs(page, said):
    assert said.text in prose(page)


@pytest.mark.parametrize("page", PAGES)
def test_no_other_number_is_said(page):
    said, others = PAGES[page]
    assert [one for one in others if one not in prose(page)] == []
    assert uncarried(page, [*said, *(Said(one, ()) for one in others)]) == []


def test_chance_tells_as_little_as_is_said():
    """The .2 to .3 % of docs/studies/layers.md."""
    name = "domain_information_null_per_usage"
    found = {
        percent(mean(words, arm, f"{layer}.{name}")) for arm in ("switch", "top_k") for layer in ("block0", "block1")
    }
    assert found == {".2 %", ".3 %"}
