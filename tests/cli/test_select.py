"""Filters and order of a listing, on rows as the listing has them."""

import pytest

from moe_lab.cli.select import chosen, ordered
from moe_lab.errors import ConfigError


def row(run, status="finished", choices=None, options=None, **metrics):
    return {"run": run, "status": status, "choices": choices or {}, "options": options or {}, **metrics}


ROWS = [
    row("a", options={"gate": "softmax", "regularizer": []}, test_error_rate=0.3),
    row("b", choices={"seed": 3}, options={"gate": "attentive", "regularizer": ["importance", "z_loss"]}),
    row("c", "failed", {"trainer.lr": 0.1}, {"gate": "attentive", "regularizer": ["importance"]}),
    row("d", "unreadable", test_error_rate=0.1),
]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], "abcd"),
        (["gate=attentive"], "bc"),
        (["gate=attentive", "status=failed"], "c"),
        (["status=failed,unreadable"], "cd"),
        (["regularizer=importance"], "bc"),
        (["regularizer=[importance]"], "c"),
        (["regularizer=[]"], "a"),
        (["seed=3"], "b"),
        # what was not chosen is the default
        (["seed=0"], "acd"),
        (["trainer.lr=0.001"], "abd"),
        (["gate=hash"], ""),
        (["run=a"], "a"),
    ],
)
def test_filters(words, names):
    assert "".join(one["run"] for one in chosen(ROWS, words)) == names


def test_order():
    assert "".join(one["run"] for one in ordered(ROWS, "test_error_rate")) == "dabc"
    assert "".join(one["run"] for one in ordered(ROWS, "-test_error_rate")) == "adbc"
    assert "".join(one["run"] for one in ordered(ROWS, "-run")) == "dcba"


def test_a_key_that_no_run_has():
    with pytest.raises(ConfigError, match="no run has the key 'gat'. Did you mean gate?"):
        chosen(ROWS, ["gat=softmax"])
    with pytest.raises(ConfigError, match="--sort error_rate: no run has it. Did you mean test_error_rate?"):
        ordered(ROWS, "error_rate")
    assert chosen([], ["gat=softmax"]) == [] and ordered([], "x") == []
