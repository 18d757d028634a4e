"""docs/language.md: its tables and lists name what there is, and a small language is learned nearly as well as can be.

Its commands are run by tests/end_to_end/test_docs.py, and that no prediction depends on what comes later is tested in
tests/models/test_language_model.py.
"""

import re
from pathlib import Path

import pytest

from moe_lab.config.catalog import catalog
from moe_lab.config.compose import compose, options
from moe_lab.config.targets import find_class
from moe_lab.data.language.installed import DOMAINS
from moe_lab.errors import ConfigError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.metrics import METRICS
from moe_lab.store.run import Run

PAGE = (Path(__file__).parents[2] / "docs" / "language.md").read_text()
LOOKS_AHEAD = re.search(r"in evaluation are refused: (.*?)\. In training, (.*?) share out", PAGE, re.DOTALL)


def test_the_data_sets_are_those_of_tokens():
    named = re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)
    classes = {one["name"]: find_class(one["target"], "dataset") for one in catalog("dataset")}
    assert set(named) == {name for name, cls in classes.items() if cls.tokens}
    [row] = re.findall(r"^\| `text_modules`.*$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)` \(", row)[1:] == list(DOMAINS)


def test_every_metric_that_it_names_is_there():
    named = set(re.findall(r"`((?:test|bayes|entropy|domain|document)_\w+)`", PAGE))
    assert named <= METRICS.keys() and {name for name in named if METRICS[name].of_tokens} == named - {"test_loss_nats"}


@pytest.mark.parametrize("gate", options("gate"))
def test_gates_that_share_out_tokens_are_those_that_it_names(gate):
    refused, sharing = (set(re.findall(r"`(\w+)`", part)) for part in LOOKS_AHEAD.groups())
    words = ["network=language_model", "dataset=markov_languages", f"gate={gate}"]
    try:
        learner = job.prepare(words) and job.model_facts(compose(words), (32,), 32)
    except ConfigError as error:
        assert (gate in refused) == ("other tokens of its batch" in str(error))
        return
    assert (gate in sharing) == ("training" in learner.gate.traits.batch_dependent)


def test_a_small_language_is_learned_nearly_as_well_as_can_be(tmp_path):
    """Two chains over four symbols: within a twentieth of the Bayes loss after 480 steps."""
    words = ["network=language_model", "dataset=markov_languages", "gate=switch", "regularizer=[switch_balance]"]
    words += ["dataset.chains=2", "dataset.symbols=4", "dataset.concentration=0.5", "dataset.sequences=8000"]
    words += ["dataset.context=10", "network.width=32", "network.depth=1", "trainer.epochs=4", "trainer.lr=1e-2"]
    made = job.prepare(words)
    experiment.run(made, tmp_path, load_data(made.config))
    metrics = Run(tmp_path).metrics
    assert -0.01 < metrics["bayes_gap"]["value"] < 0.05
    # who knows nothing of the chains but how often each symbol is seen loses more than who knows the chain, by far
    least = metrics["entropy_rate_by_domain_nats"]["value"].values()
    assert metrics["test_loss_nats"]["value"] > sum(least) / 2
