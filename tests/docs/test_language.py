"""docs/language.md: its tables and lists name what there is, and a small language is learned nearly as well as can be.

Its commands are run by tests/end_to_end/test_docs.py, and that no prediction depends on what comes later is tested in
tests/models/test_language_model.py.
"""

import argparse
import csv
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.tables import arms_of
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
from tests.docs.sentences import Kept

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "language.md").read_text()
#: in place of dpkg: unpacks a book
BOOK = """"{0}" - "$3" <<'END'
import gzip, pathlib, sys
for lang in ("en", "de", "fr", "it", "es"):
    path = pathlib.Path(sys.argv[1], "usr/share/debian-reference", f"debian-reference.{{lang}}.txt.gz")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress({1!r}.encode()))
END
"""
LOOKS_AHEAD = re.search(r"in evaluation are refused: (.*?)\. In training, (.*?) share out", PAGE, re.DOTALL)


def test_the_data_sets_are_those_of_tokens():
    named = re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE)
    classes = {one["name"]: find_class(one["target"], "dataset") for one in catalog("dataset")}
    assert set(named) == {name for name, cls in classes.items() if cls.tokens}
    [row] = re.findall(r"^\| `text_modules`.*$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)` \(", row)[1:] == list(DOMAINS)


def test_six_domains_are_made_by_its_lines(tmp_path):
    """With a book of one chapter in place of Debian's: its first section is in the table of contents and a table's
    drawing is in it, its second is too short to be a document."""
    [recipe] = re.findall(r"^```\n(export LC_ALL.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    text = "1.1. First\n1.2. Second\nIntroduction\n1.1.\xa0First\n ┌── a  b\n" + "x" * 400 + "\n1.2. Second\nshort\n"
    for name, script in {"apt-get": 'touch "$2_1.deb"\n', "dpkg": BOOK.format(sys.executable, text)}.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}", encoding="utf-8")
        path.chmod(0o755)
    folders = [str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    environment = os.environ | {"PATH": os.pathsep.join(folders)}
    subprocess.run(["bash", "-ec", recipe], cwd=tmp_path, env=environment, check=True)
    made = {path.parent.name: path for path in (tmp_path / "six").glob("*/01.01.txt")}
    assert set(made) == {"en", "de", "fr", "it", "es"}
    assert {path.read_text(encoding="utf-8") for path in made.values()} == {"1.1.\xa0First\n a b\n" + "x" * 400 + "\n"}
    assert not list((tmp_path / "six").glob("*/01.02.txt"))
    assert (tmp_path / "six" / "code" / "argparse.txt").read_text() == Path(argparse.__file__).read_text()


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


def test_how_soon_the_default_is_near_the_best_prediction():
    with (ROOT / "benchmarks" / "results" / "bayes_gap.csv").open(newline="") as file:
        *epochs, last = csv.DictReader(file)
    *few, end = (f"{100 * float(row['gap']):.1f}".removeprefix("0") for row in epochs)
    assert f"it was {', '.join(few)} and {end} % (one seed), after {float(last['seconds']):.0f} seconds" in PAGE


CHAINS = Kept("language/chains.csv")
LEARNED, TOLD = (
    [arm for arm in arms_of(CHAINS.values) if arm.startswith(router)] for router in ("switch", "the Bayes router")
)
SHORT, LONG, BEST = "switch, 6 experts, 1 epoch", "switch, 6 experts, 4 epochs", "the Bayes router, 6 experts, 4 epochs"


def recovered(arms, name):
    """Of every run of these arms."""
    return [value for arm in arms for value in CHAINS.of(arm, name)]


@pytest.mark.parametrize("layer", ["block0", "block1"])
def test_experts_are_not_the_chains_unless_the_router_knows_them(layer):
    homogeneity = f"{layer}.domain_homogeneity"
    assert set(recovered(TOLD, homogeneity)) == {1.0}
    assert max(recovered(LEARNED, homogeneity)) < 0.8
    # they follow the symbol, and a document's experts tell its chain better than a token's
    assert min(recovered(LEARNED, f"{layer}.attribute_information_per_usage: token")) > 0.64
    tokens, documents = (recovered(LEARNED, f"{layer}.{of}_recovery_ari") for of in ("domain", "document"))
    assert all(one > other for one, other in zip(documents, tokens, strict=True))
    # with four epochs in place of one, on the same seeds
    assert max(CHAINS.pairs(LONG, SHORT, homogeneity)) < 0


def test_after_four_epochs_the_network_is_as_near_as_with_the_best_router():
    assert max(map(abs, CHAINS.pairs(LONG, BEST, "bayes_gap"))) < 0.001 < min(CHAINS.of(SHORT, "bayes_gap")) / 40
