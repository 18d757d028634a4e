"""`moe-lab train`, `runs` and `report` as a person uses them."""

import csv
import io
import json
from pathlib import Path

import pytest

import moe_lab

SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]


def test_a_run_its_table_and_its_report(cli):
    result = cli("train", *SHORT, "--name", "first")
    assert result.code == 0, result.err
    assert "epoch 2/2" in result.out and "Test error" in result.out
    assert Path("runs/first/report.html").is_file() and "runs/first/report.html" in result.out
    metrics = json.loads(Path("runs/first/metrics.json").read_text())
    named = {
        "test_error_rate", "test_loss_nats", "sample_entropy_bits", "router_entropy_bits", "usage_entropy_bits",
        "load_entropy_bits", "mutual_information_expert_label_bits", "mutual_information_expert_prediction_bits",
        "information_per_usage", "dead_experts", "load_max_violation", "unrouted_share", "expert_error_rate",
        "oracle_error_rate", "hardening_gap", "parameters_total", "parameters_active",
    }  # fmt: skip
    assert named <= metrics.keys()
    again = cli("report", "runs/first")
    assert again.code == 0 and "runs/first/report.html" in again.out


def test_dense_and_sparse_dispatch_measure_the_same(cli):
    """The same run twice: metrics agree, and each config says how it went."""
    words = ["gate=top_k", "trainer.epochs=3", "experts.hidden=16", "--no-report"]
    found = {}
    for way in ("dense", "sparse"):
        result = cli("train", *words, f"trainer.dispatch={way}", "--name", way)
        assert result.code == 0, result.err
        assert f"dispatch: {way}" in Path(f"runs/{way}/config.yaml").read_text()
        found[way] = json.loads(Path(f"runs/{way}/metrics.json").read_text())
    assert found["dense"].keys() == found["sparse"].keys()
    for name, metric in found["dense"].items():
        pair = [one if isinstance(one, list) else [one] for one in (found["sparse"][name]["value"], metric["value"])]
        for value, expected in zip(*pair, strict=True):
            assert value == (expected if expected is None else pytest.approx(expected, rel=0.02, abs=0.005)), name
    refused = cli("train", "gate=softmax", "trainer.dispatch=sparse", "--name", "refused")
    assert refused.code == 2 and "k=5 selects every expert" in refused.err and not Path("runs/refused").exists()


def test_quiet_no_report_and_another_folder(cli):
    result = cli("train", *SHORT, "-q", "--no-report", "--runs", "elsewhere")
    [folder] = Path("elsewhere").iterdir()
    assert result.out.strip() == str(folder) and not (folder / "report.html").exists()


def test_runs_lists_what_there_is(cli):
    assert "no runs in runs" in cli("runs").err
    cli("train", *SHORT, "--no-report", "--name", "a")
    cli("train", *SHORT, "--no-report", "--name", "b", "gate=attentive", "seed=4")
    rows = json.loads(cli("runs", "-f", "json").out)
    assert [row["run"] for row in rows] == ["a", "b"] and rows[1]["status"] == "finished"
    assert rows[1]["choices"]["gate"] == "attentive" and rows[1]["choices"]["seed"] == 4
    assert rows[0]["test_error_rate"] > 0
    # what all chose is said once, above the rows
    told, *table = cli("runs").out.splitlines()
    assert told == "all of them: trainer.epochs=2 trainer.limit_batches=3"
    assert "attentive" in str(table) and "epochs" not in str(table)
    # exports hold every run's value, also where it is the default
    assert rows[0]["choices"]["gate"] == "softmax" and rows[0]["choices"]["seed"] == 0
    table = list(csv.DictReader(io.StringIO(cli("runs", "-f", "csv").out)))
    assert [(row["gate"], row["seed"], row["trainer.epochs"]) for row in table] == [
        ("softmax", "0", "2"),
        ("attentive", "4", "2"),
    ]
    assert "choices" not in table[0]


def test_runs_are_reported_by_arms(cli, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name, words in (("s0", []), ("s1", ["seed=1"]), ("a", ["gate=attentive"])):
        cli("train", *SHORT, "--no-report", "--name", name, *words)
    result = cli("report", "runs/s0", "runs/a")
    assert result.code == 0, result.err
    [made] = [path for path in Path("runs").iterdir() if path.name.startswith("report-")]
    assert (made / "report.html").is_file() and str(made / "report.html") in result.out
    assert "softmax" in result.out and "s0" in result.out and "Test error (%)" in result.out
    assert all(len(line) <= 80 for line in result.out.splitlines())
    # a folder of runs; a repeated path counts once
    words = ["runs", "runs/s1", "--against", "gate=attentive"]
    result = cli("report", *words, "--out", "compared", "-f", "json")
    assert [(row["arm"], row["run"], row["seed"]) for row in json.loads(result.out)] == [
        ("attentive", "a", "0"),
        ("softmax", "s0", "0"),
        ("softmax", "s1", "1"),
    ]
    assert json.loads(Path("compared/report.json").read_text())["against"] == "attentive"
    # a sweep's report goes into its folder
    Path("sweep/jobs").mkdir(parents=True)
    Path("runs/s0").rename("sweep/jobs/s0")
    assert cli("report", "sweep").code == 0 and Path("sweep/report.html").is_file()
    for wrong, text in (
        (["runs", "--out", "compared"], "exists already"),
        (["runs", "--against", "gate=sofmax"], "no such arm"),
        (["runs/a", "--out", "alone"], "for several runs, and one was given"),
        (["runs/a", "--against", "softmax"], "for several runs, and one was given"),
        (["nowhere"], "holds none"),
    ):
        refused = cli("report", *wrong)
        assert refused.code == 2 and text in refused.err and len(refused.err.splitlines()) == 1
    assert not Path("alone").exists() and len(json.loads(cli("runs", "-f", "json").out)) == 2


def test_a_folder_of_your_own_options_and_a_file_of_your_own_parts(cli):
    Path("mine/regularizer").mkdir(parents=True)
    Path("mine/regularizer/entropy.yaml").write_text(
        "# @package regularizers.entropy\n_target_: entropy_part.Entropy\nweight: 0.5\n"
    )
    Path("entropy_part.py").write_text(
        "import torch\n"
        "from moe_lab.parts.roles import Regularizer\n"
        "from moe_lab.config.ranges import NonNegative\n"
        "class Entropy(Regularizer):\n"
        '    """Mean entropy of the gate, in nats."""\n'
        "    def __init__(self, sizes, *, weight: NonNegative = 0.5):\n"
        "        super().__init__(weight)\n"
        "    def forward(self, step):\n"
        "        return torch.special.entr(step.routing.probs_BE).sum(-1).mean(-1)\n"
    )
    words = ["regularizer=[entropy]", "regularizers.entropy.weight=0.1"]
    result = cli("train", *SHORT, *words, "--config-dir", "mine", "--plugin", "entropy_part.py", "--name", "own")
    assert result.code == 0, result.err
    header = Path("runs/own/history.csv").read_text().splitlines()[0]
    assert "regularizer_entropy,regularizer_entropy_weighted" in header
    assert "entropy" in cli("list", "regularizer", "--config-dir", "mine").out
    listed = cli("list", "regularizer", "--config-dir", "mine", "--plugin", "entropy_part.py").out
    assert "Mean entropy of the gate" in listed
    assert moe_lab.load("runs/own", plugins=["entropy_part.py"]).model() is not None
    # without the file its class may not be named
    refused = cli("train", *SHORT, *words, "--config-dir", "mine")
    assert refused.code == 2 and "entropy_part.Entropy" in refused.err


@pytest.mark.parametrize(
    "baseline", ["single", "gate_as_classifier", "dense_total", "dense_active", "cart", "stacking"]
)
def test_a_baseline_has_the_same_folder_and_no_gate_metrics(cli, baseline):
    result = cli("train", *SHORT, f"baseline={baseline}", "gate=top_k", "--name", "b")
    assert result.code == 0, result.err
    # no rows of what one expert cannot have
    assert "-" not in result.out.split() and "Test error" in result.out
    metrics = json.loads(Path("runs/b/metrics.json").read_text())
    assert metrics["test_error_rate"]["value"] is not None
    assert metrics["usage_entropy_bits"] == {"value": None, "unit": "bits", "reason": metrics["collapsed"]["reason"]}
    assert "one expert" in metrics["collapsed"]["reason"]
    assert cli("train", *SHORT, "--no-report", "--name", "m").code == 0
    both = cli("report", "runs/m", "runs/b", "--out", "both")
    assert both.code == 0 and baseline in both.out, both.err
    again = cli("train", "--from", "runs/b", "--no-report", "--name", "again")
    assert again.code == 0, again.err
    assert Path("runs/b/routing.npz").read_bytes() == Path("runs/again/routing.npz").read_bytes()
    balanced = cli("train", f"baseline={baseline}", "regularizer=[importance]")
    assert balanced.code == 2 and "at least 2 experts, and there is 1" in balanced.err


def test_your_own_arrays(cli):
    import numpy as np

    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 6)).astype(np.float32)
    np.savez("mine.npz", x_train=x, y_train=(x[:, 0] > 0).astype(int) + (x[:, 1] > 1))
    result = cli("train", *SHORT, "dataset=npz", "dataset.path=mine.npz", "gate=switch", "--name", "own")
    assert result.code == 0, result.err


def test_real_images(cli, real_data):
    words = ["dataset=fashion_mnist", "gate=attentive", "trainer.epochs=1", "trainer.batch_size=256"]
    result = cli("train", *words, "--name", "clothes")
    assert result.code == 0, result.err
    metrics = json.loads(Path("runs/clothes/metrics.json").read_text())
    # a linear classifier gets about 0.16; an untrained one 0.9
    assert metrics["test_error_rate"]["value"] < 0.25
