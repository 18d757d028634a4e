from pathlib import Path

import pytest
import torch
import yaml

import moe_lab
from moe_lab.errors import ConfigError
from moe_lab.layers.noise import seeded
from moe_lab.parts.networks.frozen import RandomFeatures, RunFeatures
from moe_lab.parts.roles import Sizes

DIGITS = Sizes(shape=(1, 8, 8), classes=10, experts=5, k=5)
SHORT = ["trainer.epochs=1", "trainer.limit_batches=2", "--no-report"]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 32, 32), (12,), (1, 1, 12)], ids=str)
def test_random_features_are_of_their_seed_and_nothing_learns(shape):
    sizes, made = Sizes(shape, 4, 5, 5), []
    for seed in (0, 0, 1):
        with seeded(seed, "here"):
            made.append(RandomFeatures(sizes))
    x = torch.randn(7, sizes.features)
    first, same, other = (one(x) for one in made)
    assert first.shape == (7, 256) and (first >= 0).all() and first.std(0).sum() > 0
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert not list(made[0].parameters()) and made[0].state_dict()


@pytest.mark.parametrize(("baseline", "width"), [("none", 5 * 16), ("single", 16)])
def test_features_of_a_run_are_its_experts_hidden_layers(cli, baseline, width):
    assert cli("train", *SHORT, f"baseline={baseline}", "--name", "a").code == 0
    features, x = RunFeatures(DIGITS, "runs/a"), torch.randn(7, 64)
    expected = moe_lab.load("runs/a").model().experts(x).hidden_BEH.relu().flatten(-2)
    assert features(x).shape == (7, width) and torch.equal(features(x), expected.detach())
    assert not list(features.parameters()) and not features.train().training


def test_a_run_regularized_by_the_features_of_another(cli):
    assert cli("train", *SHORT, "baseline=single", "--name", "a").code == 0
    words = ["regularizer=[sample_similarity]", "regularizers.sample_similarity.features=run"]
    result = cli("train", *SHORT, *words, "regularizers.sample_similarity.run=runs/a", "--name", "b")
    assert result.code == 0, result.err
    assert moe_lab.load("runs/b").model() is not None
    refused = cli("train", *words, "regularizers.sample_similarity.run=runs/c", "--name", "c")
    assert refused.code == 2 and "runs/c is no finished run" in refused.err and refused.err.count("\n") == 1


def test_what_cannot_be_taken_is_refused(cli, tmp_path):
    with pytest.raises(ConfigError, match="is no finished run"):
        RunFeatures(DIGITS, str(tmp_path))
    assert cli("train", *SHORT, "experts=linear", "--name", "linear").code == 0
    with pytest.raises(ConfigError, match="have no hidden layer"):
        RunFeatures(DIGITS, "runs/linear")
    with pytest.raises(ConfigError, match="experts do not fit this data set"):
        RunFeatures(Sizes((12,), 4, 5, 5), "runs/linear")
    stored = Path("runs/linear/config.yaml")
    config = yaml.safe_load(stored.read_text())
    config["experts"]["_target_"] = "os.path.join"
    stored.write_text(yaml.safe_dump(config))
    with pytest.raises(ConfigError, match="names no part of moe_lab"):
        RunFeatures(DIGITS, "runs/linear")
