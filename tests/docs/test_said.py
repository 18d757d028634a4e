"""Sentences of pages on kept runs are computed again from these, and no decimal of such a page stands elsewhere."""

from math import log2

import pytest

from moe_lab.statistics import summary
from tests.docs.sentences import ERROR, Kept, Said, number, percent, prose, uncarried

CLASS = "mutual_information_expert_label_bits"
LOSS = "test_loss_nats"

images, chains, text, six = (
    Kept(f"balancing-scope/{name}/study-runs.csv")
    for name in ("digits", "markov-languages", "text-modules", "text-folder")
)
patches = Kept("mixture-layers/runs.csv")
places, words = (Kept(f"layers/{name}/study-runs.csv") for name in ("digits", "text-modules"))


def mean(kept, arm, name):
    return summary(kept.of(arm, name)).mean


def lower(kept, arm, name, digits=2):
    """By how much the mean of an arm is below that of balance over the batch."""
    return kept.less(arm, "batch", name, digits)


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


def p_of_loss(kept):
    """Of the three other arms against balance over the batch."""
    return tuple(kept.p(arm, "batch", LOSS) for arm in ("document", "loss-free bias", "none"))


USES = [f"{layer}.load_entropy_bits" for layer in ("block0", "block1")]
KNOWS = [f"{layer}.{CLASS}" for layer in ("block0", "block1")]
BALANCE = [
    Said(
        "at most {} nats higher by its interval, H(load) in the second layer is {} ({}).",
        (
            images.ends("document", "batch", LOSS).split(" to ")[1],
            images.less("document", "batch", USES[1], 2, sign=True),
            images.ends("document", "batch", USES[1], 2, sign=True),
        ),
    ),
    Said(
        "H(load) is lower by {} bits in the first layer and {} in the second, in ten of ten seeds. "
        "I(E;class) falls by less: {} and {} bits, the latter",
        tuple(lower(images, "none", name) for name in (*USES, *KNOWS)),
    ),
    Said(
        "H(load) is lower ({} and {} bits, p = {} and {}, uncorrected).",
        (
            *(images.less("loss-free bias", "batch", name, 2, sign=True) for name in USES),
            *(images.p("loss-free bias", "batch", name) for name in USES),
        ),
    ),
    Said("the lowest loss of all four (p = {}, {} and {} against the others, uncorrected).", p_of_loss(text)),
    Said("again has the lowest mean loss (p = {}, {} and {} against the others, uncorrected).", p_of_loss(six)),
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
    Said("75 % of the mean), in ten of ten seeds, at {} more loss.", (percent(more_loss(six)),)),
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
        "has the lower error: {} against {} (one expert; p = {}) and {} (two; p = {}; both",
        (
            percent(mean(places, "dense", ERROR)),
            percent(mean(places, "switch", ERROR)),
            places.p("switch", "dense"),
            percent(mean(places, "top_k", ERROR)),
            places.p("top_k", "dense"),
        ),
    ),
    Said(
        "in the first no more than the class does ({} against {}).",
        tuple(follows(places, "switch", "block0", of) for of in ("patch_ink", "class")),
    ),
    Said("The place in the window tells {} at most.", (follows(words, "switch", "block1", "position", 1),)),
    Said(
        "{} of the expert in the first layer and {} in the second with one expert a token, {} and {} with two.",
        tuple(follows(words, arm, layer, "token") for arm in ("switch", "top_k") for layer in ("block0", "block1")),
    ),
    Said(
        "the domain still tells {} in the first layer and {} in the second with one expert, {} and {} with two;",
        tuple(given_token(arm, layer) for arm in ("switch", "top_k") for layer in ("block0", "block1")),
    ),
    Said(
        "{} and {} nats a byte against {} ({}, {}, less switch; uncorrected). "
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
shares = {
    layer: patches.of("mixture layers", f"{layer}.attribute_information_per_usage: class")
    for layer in ("block0", "block1")
}
PATCHES = [
    Said(
        "(the smallest share of the class in block1 is {}, the largest in block0 {}),",
        (number(min(shares["block1"]), 2), number(max(shares["block0"]), 2)),
    )
]


def test_without_balance_or_with_a_bias_as_is_said():
    assert all(max(images.pairs("none", "batch", name)) < 0 for name in USES)
    low, high = images.ends("none", "batch", KNOWS[1], 6).split(" to ")
    assert float(low) < 0 < float(high)
    for kept in (images, chains):
        for name in KNOWS:
            low, high = kept.ends("loss-free bias", "batch", name, 6).split(" to ")
            assert float(low) < 0 < float(high)


tokens, tasks = Kept("readme/text.csv"), Kept("readme/tasks.csv")
first, forty = Kept("tutorial/runs.csv"), Kept("tutorial/gates.csv")


def error(arm, kept=first, digits=1):
    return percent(mean(kept, arm, ERROR), digits)


def of_text(layer, name, digits=0):
    return number(100 * mean(tokens, "text", f"{layer}.{name}"), digits)


README = [
    Said(
        "in the first layer with {} % and in the second with {} %, the byte before with {} and {} %, and what the "
        "domain adds to the byte with {} and {} %.",
        tuple(
            of_text(layer, name)
            for name in (
                "attribute_information_per_usage: token",
                "attribute_information_per_usage: previous_byte",
                "domain_given_token_per_usage",
            )
            for layer in ("block0", "block1")
        ),
    ),
    Said("the test error at the end is {}, though some expert is right", (error("no memory", tasks, 0),)),
    Said("ten remembered samples a class bring it to {} (seed 0", (error("memory of 10", tasks, 0),)),
]
TUTORIAL = [
    Said(
        "test error {}; beside it one network like an expert {}, a dense > network of as many parameters {} (one "
        "seed each, unproven); the choice of expert tells {} of at most {} bits > about the class, and that expert's "
        "own answer {} bits",
        (
            *(error(arm) for arm in ("softmax", "single", "dense_total")),
            first.mean("softmax", CLASS, 2),
            number(log2(5), 2),
            first.mean("softmax", "expert_answer_information_bits", 2),
        ),
    ),
    Said("Test error, {}: how often", (error("softmax"),)),
    Said("Information I(E;Y), {} bits: how", (first.mean("softmax", CLASS, 2),)),
    Said("could tell {} bits (log2 5)", (number(log2(5), 2),)),
    Said("the higher error, {} instead of {}.", (error("attentive"), error("softmax"))),
    Said(
        "tells about the digit: by {} bits with the softmax gate.",
        (forty.less("softmax + importance", "softmax", CLASS, 2),),
    ),
    Said(
        "information and error are higher than with the plain gate, by {} bits and {} points (of the means before "
        "rounding).",
        (
            forty.less("attentive + importance", "softmax", CLASS, 2),
            number(100 * (mean(forty, "attentive + importance", ERROR) - mean(forty, "softmax", ERROR)), 1),
        ),
    ),
]
precisions, on_mnist = Kept("precision/digits.csv"), Kept("precision/mnist.csv")
NETWORKS = ("the paper's networks", "16 experts of 256, top-2")


def most(name):
    """By how much bf16 changes a metric of one run on MNIST, at most."""
    return max(abs(one) for of in NETWORKS for one in on_mnist.pairs(f"{of}, bf16", f"{of}, float32", name))


PRECISIONS = [
    Said(
        "the largest change is {} of error, {} nats of loss, {} bit of I(E;Y) and {} bit of H(E given X).",
        tuple(
            number(max(map(abs, precisions.pairs("bf16", "float32", name))), 3)
            for name in (ERROR, LOSS, CLASS, "sample_entropy_bits")
        ),
    ),
    Said(
        "In one run the largest change is {} of error and {} bit of I(E;Y), both with the wide experts,",
        (number(most(ERROR), 3), number(most(CLASS), 3)),
    ),
]
#: page -> its sentences, and what else has a decimal: settings, and numbers of which no run is kept
PAGES = {
    "studies/balancing-scope.md": (BALANCE, ["p = .01 with 100 permutations"]),
    "studies/layers.md": (LAYERS, ["beyond the .2 to .3 % of chance"]),
    "studies/mixture-layers.md": (PATCHES, ["balance 0.01"]),
    "../README.md": (
        README,
        ["needs Python 3.11", "takes about 1.4 GB", "CUDA: 2.7 GB to download", "at most 2.32 bits"],
    ),
    "speed.md": (PRECISIONS, []),
    "tutorial.md": (TUTORIAL, ["need Python 3.11 or newer", "about 1.4 GB of disk", "otherwise is 2.7 GB to download"]),
}


@pytest.mark.parametrize(("page", "said"), [(page, one) for page, (said, _) in PAGES.items() for one in said])
def test_a_sentence_has_the_numbers_of_the_kept_runs(page, said):
    assert said.text in prose(page)


@pytest.mark.parametrize("page", PAGES)
def test_no_other_number_is_said(page):
    said, others = PAGES[page]
    assert [one for one in others if one not in prose(page)] == []
    assert uncarried(page, [*said, *(Said(one, ()) for one in others)]) == []


def test_the_tutorials_runs_are_those_of_its_sweep():
    """Seed 0 of two arms, trained once more by other commands, to the bit."""
    for arm in ("softmax", "attentive"):
        for name in (ERROR, CLASS):
            assert forty.of(arm, name)[0] == first.of(arm, name)[0]


def test_some_expert_is_right_for_nearly_every_sample_without_a_memory():
    assert mean(tasks, "no memory", "oracle_error_rate") < 0.02


def test_bf16_changes_a_run_less_than_another_seed():
    """The errors and information of wide experts in float32, over three seeds."""
    for name in (ERROR, CLASS):
        seeds = on_mnist.of(f"{NETWORKS[1]}, float32", name)
        wide = on_mnist.pairs(f"{NETWORKS[1]}, bf16", f"{NETWORKS[1]}, float32", name)
        assert max(map(abs, wide)) == most(name) < max(seeds) - min(seeds)


def test_chance_tells_as_little_as_is_said():
    """The .2 to .3 % of docs/studies/layers.md."""
    name = "domain_information_null_per_usage"
    found = {
        percent(mean(words, arm, f"{layer}.{name}")) for arm in ("switch", "top_k") for layer in ("block0", "block1")
    }
    assert found == {".2 %", ".3 %"}
