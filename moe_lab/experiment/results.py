"""Results of a trained run: the evaluation on the test split, and the metrics computed from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from moe_lab.data.dataset import Data
from moe_lab.errors import expect
from moe_lab.evaluation.ablation import ablation
from moe_lab.evaluation.closer import look_closer
from moe_lab.evaluation.evaluate import evaluate, evaluation_noise
from moe_lab.evaluation.geometry import geometry
from moe_lab.evaluation.network import examine
from moe_lab.evaluation.retention import retention
from moe_lab.experiment.models import learner_of
from moe_lab.layers.ranks import among
from moe_lab.metrics import RunArrays, compute
from moe_lab.metrics.networks import network_metrics
from moe_lab.parts.roles import Config
from moe_lab.routing.trace_files import to_files
from moe_lab.store.schema import check_written
from moe_lab.store.trace import HEADER, Arrays
from moe_lab.tasks import Task
from moe_lab.training.learner import AnyLearner
from moe_lab.training.loop import Loop
from moe_lab.training.members import Record
from moe_lab.training.mixture_learner import MixtureLearner
from moe_lab.training.network_learner import NetworkLearner
from moe_lab.training.recipe import Recipe

_OF_THE_ROUTING = (
    "mutual_information_expert_label_bits",
    "information_per_usage",
    "sample_entropy_bits",
    "usage_entropy_bits",
    "dead_experts",
)
#: the metrics that status.json repeats, so that a listing of many runs reads one small file each
HEADLINE: dict[Task, tuple[str, ...]] = {
    "classification": (
        "test_error_rate",
        "worst_class_error_rate",
        "classes_never_answered",
        *_OF_THE_ROUTING,
        "expert_answer_information_bits",
    ),
    "regression": ("test_rmse_sd", "test_r2", "test_loss_nats", *_OF_THE_ROUTING),
}


#: the headline metrics of language models, if they have a value
OF_TOKENS = ("test_loss_nats", "test_bits_per_byte", "bayes_gap", "test_error_rate", *_OF_THE_ROUTING)


def headline_of(metrics: Mapping[str, Mapping[str, Any]], task: Task) -> list[str]:
    """The metrics of the headline that a run has; the first is that by which it is compared (metrics/primary.py)."""
    if "test_bits_per_byte" in metrics:
        return [name for name in OF_TOKENS if metrics[name]["value"] is not None]
    return [name for name in HEADLINE[task] if name in metrics]


@dataclass(frozen=True)
class Results:
    """files: name (without .npz) -> arrays. documents: name -> content of a JSON file. metrics: name -> {"value",
    "unit"} and, if the value is null, "reason"."""

    files: Mapping[str, Arrays]
    metrics: dict[str, dict[str, Any]]
    task: Task = "classification"
    documents: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> dict[str, Any]:
        return {name: self.metrics[name]["value"] for name in headline_of(self.metrics, self.task)}


def results_of(learner: AnyLearner, loop: Loop, run: int, config: Config, recipe: Recipe, data: Data) -> Results:
    """The results of a run whose training has ended. Raises Diverged if the last update made predictions NaN or
    infinite.
    """
    member, record = loop.members[run], loop.state.records[run]
    batch = member.trainer.batch_size
    if isinstance(learner, NetworkLearner):
        return _of_network(learner, data, member.seeds.noise, batch, record)
    with among(learner.ranks):
        untrained = learner_of(config, data)
    return _of_mixture(learner, untrained, data, member.seeds.noise, batch, record, recipe)


def _of_mixture(
    learner: AnyLearner, untrained: AnyLearner, data: Data, seed: int, batch: int, record: Record, recipe: Recipe
) -> Results:
    mixture, fresh = (expect(MixtureLearner, one).mixture for one in (learner, untrained))
    device = data.train.x_ND.device
    noises = [evaluation_noise(seed, device, look) for look in ("evaluation", "looks")]
    files = evaluate(mixture, data, noises[0], batch)
    for name, arrays in look_closer(mixture, fresh, data, noises[1], batch).items():
        files[name] = files.get(name, {}) | arrays
    if (experts := recipe.expert_of_class) is not None:
        files["evaluation"]["expert_of_class"] = np.array(experts)
    if record.assignments:
        expert = torch.stack(record.assignments).numpy()
        files["assignments"] = {"sample_index": data.validation.index_N.cpu().numpy(), "expert": expert}
    if record.stage_arrays:
        files["stages"] = {
            name: torch.stack([one[name] for one in record.stage_arrays]).numpy() for name in record.stage_arrays[0]
        }
    check_written(files["routing"], files["evaluation"])
    measured = RunArrays.from_files(files, record.history)
    return Results(files, compute(measured), measured.task)


def _of_network(learner: NetworkLearner, data: Data, seed: int, batch: int, record: Record) -> Results:
    noise = learner.noise([seed], "noise/evaluation", data.train.x_ND.device)
    found = examine(learner.network, data, noise, batch)
    files = to_files(found.trace)
    trace: dict[str, Arrays] = {"rows": files.rows, "documents": files.documents, "layers": files.layers}
    arrays = {**trace, **found.files}
    if ablated := ablation(learner.network, data.test, noise, found.trace):
        arrays["ablation"] = ablated
        chosen = torch.from_numpy(ablated["document"]).to(data.test.index_N)
        arrays["retention"] = retention(learner.network, data.test, noise, found.trace, chosen)
    arrays["geometry"] = geometry(learner.network, data.test, noise, batch)
    if record.assignments:
        arrays["counts"] = {"counts": torch.stack(record.assignments).numpy()}
    if record.selections and record.selection_steps[0] == 0:
        selected = torch.stack(record.selections).numpy()
        arrays["selections"] = {"step": np.array(record.selection_steps), "selected": selected}
    return Results(arrays, network_metrics(found.trace, arrays), documents={HEADER: files.header})
