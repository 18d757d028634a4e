"""Keys of a dozen configs.

A key that changes makes every sweep of before train its jobs again: the format of keys (moe_lab/config/differences.py)
goes up with it. ``python -m tests.golden.test_keys`` writes these values anew.
"""

import json
from pathlib import Path

import pytest

from moe_lab.experiment.job import prepare

FILE = Path(__file__).with_name("keys.json")
WORDS = [
    "",
    "seed=3 seed_init=1",
    "gate=attentive regularizer=[sample_similarity] k=2",
    "gate=noisy_top_k regularizer=[importance,load]",
    "gate=switch controller=[loss_free_bias]",
    "gate=hierarchical experts.count=7",
    "gate=soft_moe",
    "gate=softmax gate/score/body=conv experts=conv",
    "dataset=toy_inverse experts=gaussian objective=mixture_density",
    "objective=em recipe=em",
    "baseline=dense_total",
    "trainer.optimizer=sgd trainer.momentum=0.5 trainer.schedule=cosine",
    "classes=[0,1,2]",
]


def keys() -> dict[str, str]:
    return {words: prepare(words.split()).key for words in WORDS}


@pytest.mark.parametrize("words", WORDS)
def test_the_key_of_a_config_stays(words):
    assert prepare(words.split()).key == json.loads(FILE.read_text())[words]


def test_keys_differ():
    assert len(set(json.loads(FILE.read_text()).values())) == len(WORDS)


if __name__ == "__main__":
    FILE.write_text(json.dumps(keys(), indent=1) + "\n")
