"""Keywords of Python as words of the command line."""

from pathlib import Path

import numpy as np
import pytest

from moe_lab.config.compose import compose
from moe_lab.config.keywords import as_words


def test_words_come_first_and_mappings_hold_keys():
    keywords = {"gate": "attentive", "trainer": {"lr": 0.1, "epochs": 3}, "trainer.batch_size": 64}
    assert as_words(["k=2"], keywords) == [
        "k=2",
        "gate=attentive",
        "trainer.lr=0.1",
        "trainer.epochs=3",
        "trainer.batch_size=64",
    ]


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        (None, "null"),
        (True, "true"),
        (np.int64(3), "3"),
        (1e-5, "1e-05"),
        (np.array([[0, 1], [2, 3]]), "[[0,1],[2,3]]"),
        (["importance", "z_loss"], "[importance,z_loss]"),
        (("softmax", "attentive"), "softmax,attentive"),
        (([], ["importance"]), "[],[importance]"),
        (range(3), "0,1,2"),
        ("range(0,10)", "range(0,10)"),
        (Path("a folder/own, mine.npz"), '"a folder/own, mine.npz"'),
    ],
    ids=str,
)
def test_values(value, typed):
    assert as_words([], {"key": value}) == [f"key={typed}"]


def test_a_config_is_composed_of_them():
    keywords = {
        "gate": "attentive",
        "regularizer": ["importance"],
        "regularizers": {"importance": {"weight": np.float64(0.2)}},
        "trainer": {"epochs": 3, "lr": 1e-5},
        "dataset": "npz",
        "dataset.path": Path('a folder/it\'s, "mine".npz'),
        "seed_init": None,
    }
    config = compose(as_words([], keywords), None)
    assert config["regularizers"]["importance"]["weight"] == 0.2
    assert (config["trainer"]["epochs"], config["trainer"]["lr"]) == (3, 1e-5)
    assert config["dataset"]["path"] == 'a folder/it\'s, "mine".npz' and config["seed_init"] is None
