"""Language models from words to finished folders."""

import json
import math

import numpy as np
import pytest

from moe_lab.errors import ConfigError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.reports import write_report
from moe_lab.routing.trace import NONE
from moe_lab.routing.trace_files import read_trace
from moe_lab.store.run import Run

SMALL = ["network=language_model", "network.width=12", "network.heads=2", "experts.hidden=8", "trainer.epochs=2"]
GATE = ["gate=switch", "regularizer=[switch_balance]", "experts.count=4"]
TEXT = ["dataset.domain_bytes=8000", "dataset.document_bytes=800", "dataset.context=16"]
CHAINS = ["dataset=markov_languages", "dataset.sequences=240", "dataset.context=6"]


def trained(words, folder):
    made = job.prepare(words)
    folder.mkdir()
    experiment.run(made, folder, load_data(made.config))
    return Run(folder)


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return trained([*SMALL, *GATE, *TEXT], tmp_path_factory.mktemp("language") / "text")


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    return trained([*SMALL, *GATE, *CHAINS, "trainer.limit_batches=2"], tmp_path_factory.mktemp("language") / "chains")


def test_a_row_of_the_trace_is_a_token_of_a_document(text):
    assert text.kind == "network" and text.status["status"] == "finished"
    trace, test = read_trace(text), text.arrays("test")
    data = load_data(text.config)
    assert trace.rows == len(test["label"]) == data.test.y_N.numel()
    np.testing.assert_array_equal(trace.token_id_T, data.test.x_ND.flatten())
    np.testing.assert_array_equal(test["label"], data.test.y_N.flatten())
    # a document has more tokens than a window, and its rows stand in the order of its text
    assert trace.documents < len(data.test) == trace.rows // 16
    for document in range(trace.documents):
        places = trace.position_T[trace.document_T == document]
        np.testing.assert_array_equal(places, np.arange(len(places)))
    assert next(iter(trace.document_labels)) == "domain"
    assert {"byte_class", "previous_byte", "position", "python_token", "package"} <= set(trace.label_names)
    previous = trace.label("previous_byte")
    inside = previous.value != NONE
    assert inside.sum() == trace.rows - trace.documents
    np.testing.assert_allclose(trace.loss_T, test["loss"], rtol=1e-6)


def test_its_metrics(text):
    test, metrics = text.arrays("test"), text.metrics
    assert metrics["test_loss_nats"]["value"] == pytest.approx(test["loss"].mean(), rel=1e-6)
    assert metrics["test_bits_per_byte"]["value"] == pytest.approx(test["loss"].mean() / math.log(2), rel=1e-6)
    assert metrics["test_error_rate"]["value"] == pytest.approx(np.mean(test["label"] != test["prediction"]))
    trace = read_trace(text)
    for name in trace.document_labels["domain"].names:
        own = trace.label("domain").value == trace.document_labels["domain"].names.index(name)
        assert metrics["test_loss_by_domain_nats"]["value"][name] == pytest.approx(test["loss"][own].mean(), rel=1e-6)
    # two epochs on some thousand bytes are better than nothing, 8 bits
    assert metrics["test_bits_per_byte"]["value"] < 7
    assert text.status["headline"].keys() >= {"test_loss_nats", "test_bits_per_byte", "information_per_usage"}
    assert "bayes_gap" not in text.status["headline"]


def test_ablation_is_of_windows(text):
    test, ablated = text.arrays("test"), text.arrays("ablation")
    # windows of 16 tokens
    loss_N = test["loss"].reshape(-1, 16).mean(1)
    np.testing.assert_allclose(ablated["loss"], loss_N[ablated["document"]], rtol=1e-5)
    trace = read_trace(text)
    # of the windows, weighted by the share of their tokens that select the expert
    selects_TE = trace.layer("block1").experts_TK == np.arange(4)
    share_NE = selects_TE.reshape(-1, 16, 4).mean(1)[ablated["document"]]
    increase_EN = ablated["removed_loss"][1].astype(np.float64) - ablated["loss"]
    for e, value in enumerate(text.metrics["block1.ablation_loss_increase_nats"]["value"]):
        expected = (increase_EN[e] * share_NE[:, e]).sum() / share_NE[:, e].sum() if share_NE[:, e].any() else None
        assert value == (None if expected is None else pytest.approx(expected, rel=1e-6, abs=1e-9))


def test_history_is_of_the_mean_over_tokens(text):
    last = text.history_rows[-1]
    assert 0 < last["validation_loss_nats"] < math.log(256) and 0 < last["validation_error_rate"] < 1
    counts = text.arrays("counts")["counts"]
    # epochs, layers, experts, and the tokens that follow
    assert counts.shape == (2, 2, 4, 256)
    assert counts.sum(axis=(2, 3)).tolist() == [[load_data(text.config).validation.y_N.numel()] * 2] * 2


def test_what_the_text_is_stands_in_the_environment(text):
    data = json.loads((text.path / "environment.json").read_text())["data"]
    assert data["checksum"].startswith("sha256:") and {"python", "torch", "numpy"} <= set(data)


def test_its_report_has_a_view_of_tokens(text):
    page = write_report(text)
    assert "Token by token" in page.read_text() and (text.path / "figures" / "tokens.svg").exists()


def test_the_loss_of_bayes_stands_beside(chains):
    test, metrics = chains.arrays("test"), chains.metrics
    assert metrics["bayes_loss_nats"]["value"] == pytest.approx(test["bayes_loss"].mean())
    gap = metrics["test_loss_nats"]["value"] / metrics["bayes_loss_nats"]["value"] - 1
    assert metrics["bayes_gap"]["value"] == pytest.approx(gap) and gap > 0
    assert chains.status["headline"]["bayes_gap"] == metrics["bayes_gap"]["value"]
    assert "test_bits_per_byte" not in chains.status["headline"]
    assert len(metrics["entropy_rate_by_domain_nats"]["value"]) == 6
    # from the first to the last place the Bayes router gets surer
    sure = list(metrics["bayes_router_accuracy_by_place"]["value"].values())
    assert sure[0] < sure[-1]
    assert read_trace(chains).token_id_T.max() < 32


def test_runs_of_a_stack_equal_solo_runs(tmp_path):
    words = [*SMALL, "gate=switch", "experts.count=4", *CHAINS, "trainer.limit_batches=3"]
    jobs = [job.prepare([*words, f"seed={seed}"]) for seed in (0, 1)]
    same = [job.prepare([*words, f"trainer.lr={lr}"]) for lr in (0.001, 0.002)]
    for name, several in (("seeds", jobs), ("rates", same)):
        folders = [tmp_path / f"{name}{number}" for number in range(2)]
        for folder in folders:
            folder.mkdir()
        assert experiment.run_stack(several, folders, load_data(jobs[0].config), home=tmp_path) == [None, None]
        for number, one in enumerate(several):
            assert json.loads((folders[number] / "environment.json").read_text())["stacked_runs"] == 2
            assert "trains alone" not in (folders[number] / "train.log").read_text()
            alone = tmp_path / f"{name}{number}alone"
            alone.mkdir()
            experiment.run(one, alone, load_data(one.config))
            ours, theirs = (Run(path).metrics["test_loss_nats"]["value"] for path in (folders[number], alone))
            assert ours == pytest.approx(theirs, rel=1e-4)


def test_balance_within_windows_and_within_places(tmp_path):
    for scope in ("document", "position"):
        words = [*SMALL, *GATE, *CHAINS, f"regularizers.switch_balance.scope={scope}"]
        row = trained(words, tmp_path / scope).history_rows[-1]
        # F and P of a window are as uneven as those of the batch, or more
        assert row["block0_regularizer_switch_balance"] > 0.9
    with pytest.raises(ConfigError, match="take batch or document or position"):
        job.prepare([*SMALL, *GATE, *CHAINS, "regularizers.switch_balance.scope=class"])
