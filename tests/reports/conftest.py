"""Synthetic run folders: seeded numbers in the very files that a training writes.

Axes: N test samples, E experts, C classes.
"""

from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from sklearn.datasets import load_digits

from moe_lab.metrics import RunArrays, compute
from moe_lab.store import atomic
from moe_lab.store.run import Run

NASTY = """<script>alert(1)</script>&"'|"""


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def routing_arrays(
    rng: np.random.Generator, label_N: np.ndarray, experts: int, classes: int, *, collapsed: bool, unrouted: int
) -> dict[str, np.ndarray]:
    """Experts that know the classes of their own share; a gate that finds them, or sends all to expert 0."""
    N = len(label_N)
    home_C = np.zeros(classes, int) if collapsed else (experts * np.sqrt(rng.random(classes))).astype(int)
    gate_logits = rng.normal(0, 1.2, (N, experts))
    gate_logits[np.arange(N), home_C[label_N]] += 12 if collapsed else 4
    weights = np.exp(log_softmax(gate_logits)).astype(np.float32)
    probs = weights.copy()
    weights[:unrouted] = 0
    knows_EC = np.where(home_C[None] == np.arange(experts)[:, None], 5.0, 1.5)
    logits_NEC = rng.normal(0, 1.3, (N, experts, classes))
    logits_NEC[np.arange(N), :, label_N] += knows_EC[:, label_N].T
    log_probs_NEC = log_softmax(logits_NEC)
    mixed = np.log(np.maximum(np.einsum("ne,nec->nc", probs, np.exp(log_probs_NEC)), 1e-30))
    return {
        "sample_index": np.arange(N),
        "label": label_N,
        "prediction": mixed.argmax(1),
        "log_probs": mixed.astype(np.float32),
        "probs": probs,
        "weights": weights,
        "selected": weights > 0,
        "gate_logits": gate_logits.astype(np.float32),
        "expert_prediction": log_probs_NEC.argmax(-1),
        "expert_log_prob_true": log_probs_NEC[np.arange(N), :, label_N].astype(np.float32),
    }


def stored_arrays(rng: np.random.Generator, routing: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """What the closer look at the end of a run gives, but for the expert that is missing everything at random."""
    N, E = routing["weights"].shape
    alike_EE = rng.random((E, E))
    removed = np.where(routing["weights"] > 0.5, (routing["label"][:, None] + 1) % 2, routing["prediction"][:, None])
    return {
        "evaluation": {
            **{f"reference_{name}": rng.integers(0, E, N) for name in ("untrained", "kmeans_pixels", "learnable")},
            "feature_cka": (alike_EE + alike_EE.T) / 2,
            "weight_cosine": alike_EE + alike_EE.T - 1,
        },
        "attributes": {"class": routing["label"], "ink": rng.random(N).astype(np.float32)},
        "interventions": {
            "removed_prediction": removed,
            "removed_log_likelihood": routing["expert_log_prob_true"] - 1,
            "swapped_errors": np.rint(N * (alike_EE + alike_EE.T) / 2).astype(int),
        },
    }


def history_rows(
    rng: np.random.Generator, share_E: np.ndarray, epochs: int, *, validation: bool
) -> list[dict[str, float | None]]:
    """Curves that fall towards a floor; shares that move from even to ``share_E``."""
    experts, rows = len(share_E), []
    for epoch in range(1, epochs + 1):
        past = 1 - np.exp(-epoch / 6)
        loss = 2.3 - 2.15 * past + 0.02 * rng.normal()
        share = (1 - past) / experts + past * share_E
        bits = float(-(share * np.log2(np.maximum(share, 1e-12))).sum())
        here = {"loss_nats": loss, "error_rate": loss / 4, "sample_entropy_bits": 1.6 * (1 - past) + 0.1}
        here = {**here, "usage_entropy_bits": bits}
        row: dict[str, float | None] = {"epoch": epoch, "lr": 0.001}
        row |= {f"train_{name}": float(value) for name, value in here.items()}
        worse = {name: value * (1 if "entropy" in name else 1.1) for name, value in here.items()}
        row |= {f"validation_{name}": float(value) if validation else None for name, value in worse.items()}
        row |= {"regularizer_importance": 0.1 / epoch, "regularizer_importance_weighted": 0.02 / epoch}
        row |= {f"usage_share_{e}": float(share[e]) for e in range(experts)}
        row |= {f"load_share_{e}": float(share[e]) for e in range(experts)}
        rows.append(row)
    return rows


def plain_config(experts: int, seed: int, epochs: int, gate: str) -> dict[str, Any]:
    score = {"_target_": f"moe_lab.parts.gates.score.{gate.title()}", "hidden": [64]}
    steps = {
        "select": {"_target_": "moe_lab.parts.gates.select.All"},
        "weigh": {"_target_": "moe_lab.parts.gates.weigh.Softmax"},
    }
    return {
        "dataset": {"_target_": "moe_lab.data.digits.Digits", "root": "data", "split_seed": 0, "validation_share": 0.1},
        "experts": {"_target_": "moe_lab.parts.experts.mlp.Mlp", "count": experts, "hidden": 32},
        "gate": {
            "_target_": "moe_lab.parts.gates.composed.ComposedGate",
            "combine": "probabilities",
            "k": None,
            "score": score,
            **steps,
        },
        "objective": {"_target_": "moe_lab.parts.objectives.mixture.Mixture"},
        "regularizers": {"importance": {"_target_": "moe_lab.parts.regularizers.importance.Importance", "weight": 0.2}},
        "trainer": {"epochs": epochs, "batch_size": 128, "optimizer": "adam", "lr": 0.001, "weight_decay": 0.0},
        "k": experts,
        "seed": seed,
        "seed_init": seed,
        "seed_order": seed,
        "device": "cpu",
    }


ENVIRONMENT = {
    "versions": {"python": "3.11.2", "moe-lab": "0.1.0", "torch": "2.13.0", "numpy": "2.3.0"},
    "platform": "Linux-6.1-x86_64",
    "cpu": "a plain CPU",
    "cores": 2,
    "gpu": None,
    "threads": 1,
    "git": {"commit": "0123456789abcdef0123456789abcdef01234567", "dirty": False},
    "command": ["moe-lab", "train", "seed=1"],
    "config_hash": "45c620f1",
}


def write_run(
    folder: Path,
    *,
    experts: int = 5,
    classes: int = 10,
    seed: int = 1,
    epochs: int = 20,
    gate: str = "attentive",
    status: str = "finished",
    error: str | None = None,
    collapsed: bool = False,
    unrouted: int = 0,
    validation: bool = True,
    class_names: list[str] | None = None,
    null: tuple[str, ...] = (),
    differs: dict[str, Any] | None = None,
    images: bool = True,
) -> Run:
    """Write a run folder and return it; ``null`` names metrics that are made null with a reason."""
    rng = np.random.default_rng((seed, experts, classes))
    folder.mkdir(parents=True)
    digits = load_digits()
    pixels = digits.images[-360:]
    label_N = digits.target[-360:].astype(np.int64) if classes == 10 else rng.integers(0, classes, 360)
    routing = routing_arrays(rng, label_N, experts, classes, collapsed=collapsed, unrouted=unrouted)
    evaluation = {
        "parameters_total": np.int64(12_345),
        "parameters_active": np.int64(12_345),
        "multiply_adds_total": np.int64(12_224),
        "multiply_adds_active": np.int64(12_224),
        "class_names": np.array(class_names or [str(c) for c in range(classes)]),
    }
    stored = stored_arrays(rng, routing) if experts > 1 else {}
    evaluation |= stored.pop("evaluation", {})
    arrays = RunArrays.from_files({"routing": routing, "evaluation": evaluation, **stored})
    share_E = arrays.normalized_weights_ME.mean(0) if arrays.routed_count else np.full(experts, 1 / experts)
    atomic.write_text(folder / "config.yaml", yaml.safe_dump(plain_config(experts, seed, epochs, gate)))
    atomic.write_json(folder / "environment.json", ENVIRONMENT)
    done = history_rows(rng, share_E, epochs, validation=validation)
    done = done if status == "finished" else done[: max(0, epochs // 2 - 1)]
    atomic.write_csv(folder / "history.csv", done)
    seconds = [{"epoch": row["epoch"], "seconds": 0.1, "samples_per_second": 12_340.5} for row in done]
    atomic.write_csv(folder / "timing.csv", seconds)
    facts = {"status": status, "pid": 1, "host": "here", "process_start": 1, "error": error, "key": "45c620f1"}
    times = {"started_at": "2026-01-02T03:04:05+00:00", "updated_at": "2026-01-02T03:05:05+00:00"}
    choices = {"gate": gate, "seed": seed} if differs is None else differs
    headline: dict[str, Any] = {}
    if status == "finished":
        metrics = compute(arrays)
        metrics |= {name: {"value": None, "unit": metrics[name]["unit"], "reason": "made null here"} for name in null}
        headline = {"test_error_rate": metrics["test_error_rate"]["value"]}
        atomic.write_npz(folder / "routing.npz", routing)
        atomic.write_npz(folder / "evaluation.npz", evaluation)
        for name, others in stored.items():
            atomic.write_npz(folder / f"{name}.npz", others)
        atomic.write_npz(folder / "examples.npz", _examples(arrays, pixels, images=images))
        atomic.write_json(folder / "metrics.json", metrics)
    options = {
        "dataset": "digits",
        "experts": "mlp",
        "gate": choices.get("gate", gate),
        "objective": "mixture",
        "regularizer": [],
    }
    ended = {"ended_at": "2026-01-02T03:05:05+00:00", "choices": options, "differs": choices, "headline": headline}
    atomic.write_json(folder / "status.json", facts | times | ended)
    return Run(folder)


def _examples(arrays: RunArrays, pixels: np.ndarray, *, images: bool) -> dict[str, np.ndarray]:
    chosen = [
        index
        for e in range(arrays.experts)
        for index in sorted(np.flatnonzero(arrays.expert_N == e), key=lambda i: -arrays.weights_NE[i, e])[:8]
    ]
    typical = _shown(arrays, pixels, np.array(chosen, int), images=images)
    typical["weight"] = arrays.weights_NE[typical["sample_index"], typical["expert"]]
    best_N = arrays.expert_log_prob_true_NE.max(1)
    worst = np.argsort(arrays.log_likelihood_N - best_N, kind="stable")[:12]
    regretted = _shown(arrays, pixels, worst, images=images)
    regretted |= {"best": arrays.expert_log_prob_true_NE.argmax(1)[worst]}
    regretted |= {"nats": (best_N - arrays.log_likelihood_N)[worst]}
    return typical | {f"regret_{name}": array for name, array in regretted.items()}


def _shown(arrays: RunArrays, pixels: np.ndarray, chosen: np.ndarray, *, images: bool) -> dict[str, np.ndarray]:
    scaled = (pixels[chosen] * 15.9).astype(np.uint8)
    return {
        "image": scaled[:, None] if images else scaled.reshape(len(chosen), -1),
        "expert": arrays.expert_N[chosen],
        "sample_index": chosen,
        "label": arrays.label_N[chosen],
        "prediction": arrays.prediction_N[chosen],
    }


class Page(HTMLParser):
    """What a browser would see of a page: its tags with their attributes, its text, and which tags stand unclosed."""

    VOID = ("meta", "img", "link", "br", "hr", "input", "wbr")

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(path.read_text())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="session")
def open_page() -> Callable[[Path], Page]:
    return Page


@pytest.fixture(scope="session")
def nasty() -> str:
    return NASTY


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """``make_run(name, **options)`` writes a run folder into a fresh folder of runs."""

    def make(name: str = "a-run", **options: Any) -> Run:
        return write_run(tmp_path_factory.mktemp("runs") / name, **options)

    return make
