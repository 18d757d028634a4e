"""Words about one mixture layer of a network."""

import pytest

from moe_lab.config.compose import choices, compose
from moe_lab.config.many import Composer
from moe_lab.config.outline import outline
from moe_lab.config.vary import vary
from moe_lab.errors import ConfigError
from moe_lab.experiment import job
from moe_lab.experiment.models import build_model
from moe_lab.experiment.networks import build_network_learner

NET = ["network=vision_transformer", "network.width=8", "network.heads=2", "experts.hidden=8", "gate=top_k"]


def layers(*words):
    return build_network_learner(job.prepare([*NET, *words]).config, (1, 8, 8), 10, 0)[0].network.routed


def test_a_layer_has_parts_of_its_own_and_others_have_the_runs():
    found = layers("layers.block1.gate=switch", "layers.block1.experts.count=16", "k=2")
    counts = {name: (layer.experts.count, layer.gate.sizes.k) for name, layer in found.items()}
    assert counts == {"block0": (8, 2), "block1": (16, 2)}
    # an option that a layer chooses is composed alone: none of the run's own values
    alone = compose([*NET, "gate.k=3", "layers.block1.gate=top_k"])["layers"]["block1"]["gate"]
    assert alone["k"] == compose(["gate=top_k"])["gate"]["k"]
    # other words change what the run has
    changed = compose([*NET, "gate.k=3", "layers.block1.gate.weigh.over=all"])["layers"]["block1"]["gate"]
    assert (changed["k"], changed["weigh"]["over"]) == (3, "all")


def test_the_objective_of_a_layers_gate_is_never_the_runs():
    config = compose([*NET, "layers.block1.gate=expert_loss"])
    assert config["objective"] == compose(NET)["objective"]
    with pytest.raises(ConfigError, match="no objective of its own to train it"):
        job.prepare([*NET, "layers.block1.gate=expert_loss"])


def test_a_layers_gate_takes_the_linear_score_too():
    def score(word):
        return compose([*NET, word])["layers"]["block1"]["gate"]["score"]["_target_"].rpartition(".")[2]

    assert (score("layers.block1.gate=switch"), score("layers.block1.gate/score=cosine")) == ("Linear", "Cosine")


def test_other_layers_keep_their_numbers():
    """Each layer is made from the generator of its own name."""
    for name, one in layers()["block0"].state_dict().items():
        assert layers("layers.block1.experts.count=16")["block0"].state_dict()[name].equal(one)


def test_k_is_stored_as_it_is():
    """On resume the run's k is known, which would otherwise be the layer's."""
    made = job.prepare([*NET, "layers.block1.gate=switch"])
    assert (made.config["k"], made.config["layers"]["block1"]["k"]) == (2, 1)
    again = job.checked_job(made.config, made.facts)
    assert again.key == made.key and again.config == made.config


def test_differences_are_the_words_that_compose_them_again():
    words = [*NET, "layers.block0.k=1", "layers.block1.gate=softmax", "layers.block1.experts.count=4"]
    made = job.prepare(words)
    typed = [f"{key}={value}" for key, value in made.differs.items()]
    assert job.prepare(typed).key == made.key
    assert made.differs["layers.block1.gate"] == "softmax" and made.choices["layers.block1.gate"] == "softmax"
    assert made.key != job.prepare(NET).key


def test_an_earlier_run_is_varied_layer_by_layer():
    earlier = job.prepare([*NET, "layers.block0.gate=switch"]).config
    words = ["layers.block0.gate.weigh.over=all", "layers.block1.gate=softmax", "layers.block1.k=8"]
    config, chosen = vary(earlier, words)
    assert config["layers"]["block0"]["gate"]["weigh"]["over"] == "all"
    assert (
        config["layers"]["block1"]["gate"] == compose([*NET, "layers.block1.gate=softmax"])["layers"]["block1"]["gate"]
    )
    assert config["layers"]["block1"]["k"] == 8 and chosen["layers.block1.gate"] == "softmax"
    assert "network" not in vary(earlier, ["network=none", "experts=mlp"])[0]
    assert vary(compose(["k=2"]), ["network=mlp"])[0]["network"]["_target_"].endswith("Mlp")


def test_a_sweep_takes_several_for_one_layer():
    composer = Composer()
    texts = composer.alternatives("layers.block1.gate/score=linear,cosine")
    assert texts == ["layers.block1.gate/score=linear", "layers.block1.gate/score=cosine"]
    words = [composer.word(text) for text in [*NET, texts[1], "layers.block1.k=1"]]
    used, aside = composer.fitting(words)
    assert composer.compose(used) == (compose([word.text for word in words]), choices([word.text for word in words]))
    assert not aside
    # without a network the words have no place
    words = [composer.word(text) for text in ("gate=top_k", "layers.block1.k=1")]
    assert [word.text for word in composer.fitting(words)[1]] == ["layers.block1.k=1"]


def test_completion_knows_the_blocks():
    there = outline([*NET, "network.depth=3"])
    assert {"layers.block2.gate", "layers.block0.gate.k", "layers.block1.experts.count", "layers.block1.k"} <= set(
        there.keys
    )
    assert not {"layers.block3.gate", "layers.block0.objective"} & set(there.keys)
    assert there.values("layers.block2.gate") == there.values("gate") and "true" in there.values(
        "layers.block0.experts.bias"
    )
    assert not any(key.startswith("layers.") for key in outline([]).keys)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        (
            "layers.block2.gate=switch",
            r"layers\.block2: the network has no such mixture layer\. There are: block0, block1",
        ),
        ("layers.block1.gat=switch", "no gat of its own. Did you mean gate"),
        ("layers.block1.gate=swich", "Did you mean switch"),
        ("layers.block1.regularizer=[load]", "no regularizer of its own"),
        ("layers.block1=3", r"write layers\.BLOCK\.KEY=VALUE"),
        ("layers.block1.gate.wegh=3", r"layers\.block1: no such key 'gate\.wegh'"),
        ("layers.block1.k=9", "selects more experts than there are"),
        ("layers.block1.k=two", r"layers\.block1\.k=two: must be an integer"),
    ],
)
def test_what_a_layer_cannot_have(word, said):
    with pytest.raises(ConfigError, match=said):
        job.prepare([*NET, word])


def test_without_a_network_there_are_no_layers():
    with pytest.raises(ConfigError, match="add network=vision_transformer"):
        compose(["layers.block1.gate=switch"])


def test_a_network_whose_layers_differ_in_size_gives_what_others_give():
    made = job.prepare([*NET, "layers.block1.gate=softmax", "layers.block1.experts.count=3", "layers.block1.k=3"])
    # one layer runs the selected experts alone, the other all
    assert made.config["trainer"]["dispatch"] == "auto"
    learner = build_model(made.config, (1, 8, 8), 10, 0)
    assert [layer.experts.count for layer in learner.network.routed.values()] == [8, 3]
