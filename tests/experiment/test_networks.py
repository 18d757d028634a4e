"""Networks of mixture layers from words to finished folders."""

import json

import numpy as np
import pytest
import torch

import moe_lab
from moe_lab.config.build import build
from moe_lab.data.digits import Digits
from moe_lab.errors import ConfigError, DataError, TaskError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data, seeds_of
from moe_lab.experiment.models import build_model, learner_of
from moe_lab.layers.noise import noise_by_layer
from moe_lab.layers.stacking import count_parameters
from moe_lab.routing.trace_files import read_trace
from moe_lab.store.run import Run
from moe_lab.training.loop import Loop
from moe_lab.training.members import Member
from moe_lab.training.watch import Stopped, Watch

SMALL = ["network=vision_transformer", "network.width=8", "network.heads=2", "experts.hidden=8", "trainer.epochs=2"]
WORDS = [*SMALL, "gate=switch", "regularizer=[switch_balance]", "experts.count=4", "trainer.batch_size=256"]


def trained(words, folder, **options):
    made = job.prepare(words)
    folder.mkdir(exist_ok=True)
    experiment.run(made, folder, load_data(made.config), **options)
    return Run(folder)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return trained(WORDS, tmp_path_factory.mktemp("networks") / "run")


def test_a_finished_folder_holds_what_was_routed_and_said(finished):
    assert finished.kind == "network" and finished.status["status"] == "finished"
    trace, test = read_trace(finished), finished.arrays("test")
    samples = len(test["label"])
    # images of 8 x 8 in patches of 4 x 4
    assert [layer.name for layer in trace.layers] == ["block0", "block1"] and trace.rows == 4 * samples
    np.testing.assert_array_equal(trace.document_T, np.repeat(np.arange(samples), 4))
    assert trace.label("position").value[:5].tolist() == [0, 1, 2, 3, 0]
    assert set(trace.label_names) >= {"class", "position", "patch_ink"}
    wrong = np.mean(test["prediction"] != test["label"])
    assert finished.metrics["test_error_rate"]["value"] == pytest.approx(wrong)
    assert finished.status["headline"]["test_error_rate"] == finished.metrics["test_error_rate"]["value"]
    assert finished.metrics["test_loss_nats"]["value"] == pytest.approx(test["loss"].mean(), rel=1e-6)


def test_metrics_of_the_last_layer_stand_beside_those_of_one_mixture(finished):
    last = {name: entry for name, entry in finished.metrics.items() if name.startswith("block1.")}
    assert "block1.information_per_usage" in last and "block0.information_per_usage" in finished.metrics
    assert all(finished.metrics[name.removeprefix("block1.")] == entry for name, entry in last.items())


def test_counts_are_of_the_rows_of_the_validation_split(finished):
    counts = finished.arrays("counts")["counts"]
    data = load_data(finished.config)
    # epochs, layers, experts, classes; four rows a sample, each with its sample's class
    assert counts.shape == (2, 2, 4, 10)
    of_class = 4 * torch.bincount(data.validation.y_N, minlength=10).numpy()
    np.testing.assert_array_equal(counts.sum(2), np.broadcast_to(of_class, (2, 2, 10)))


def test_the_history_has_columns_of_each_layer(finished):
    row = finished.history_rows[-1]
    for layer in ("block0", "block1"):
        shares = [row[f"{layer}_usage_share_{e}"] for e in range(4)]
        assert sum(shares) == pytest.approx(1)
        assert row[f"{layer}_regularizer_switch_balance"] >= 1 - 1e-6
    assert "usage_share_0" not in row and "train_sample_entropy_bits" not in row


def test_selections_are_of_the_validation_split_as_training_went_on(finished):
    kept, data = finished.arrays("selections"), load_data(finished.config)
    # two epochs of six batches
    assert kept["step"].tolist() == [0, 1, 2, 3, 5, 8, 10, 12]
    fresh, trained_ = learner_of(finished.config, data).network, moe_lab.load(finished.path).model().network
    for place, network in ((0, fresh), (-1, trained_)):
        with torch.no_grad():
            output = network.eval()(data.validation.x_ND, noise_by_layer([0], list(network.routed)))
        by_hand = torch.stack([layer.routing.selected_BE for layer in output.layers.values()])
        np.testing.assert_array_equal(kept["selected"][place], by_hand.numpy())
    same = kept["selected"][3] & kept["selected"][-1]
    # one expert a row
    share = same[0].any(1).mean()
    assert finished.metrics["block0.saturation_by_step"]["value"]["0.2"] == pytest.approx(share)
    assert 0 < share < 1


class StopAfter(Watch):
    def __init__(self, steps):
        self.left = steps

    def batch(self, *_):
        self.left -= 1

    def asked(self):
        return self.left <= 0


@pytest.mark.parametrize("steps", [2, 5])
def test_a_resumed_network_ends_like_an_unbroken_one(tmp_path, same_bytes, steps):
    words = [*SMALL, "gate=noisy_top_k", "regularizer=[importance,load]", "trainer.batch_size=256"]
    whole, watch = trained(words, tmp_path / "whole"), StopAfter(steps)
    with pytest.raises(Stopped):
        trained(words, tmp_path / "broken", watch=watch, stop_asked=watch.asked)
    broken = trained(words, tmp_path / "broken", resume=True)
    same_bytes(whole.path, broken.path)


def test_a_stack_of_networks_trains_each_as_alone(tmp_path):
    words = [[*WORDS, f"seed={seed}"] for seed in range(3)]
    alone = [trained(one, tmp_path / f"alone{number}") for number, one in enumerate(words)]
    folders = [tmp_path / f"run{number}" for number in range(3)]
    home = tmp_path / "home"
    for folder in (*folders, home):
        folder.mkdir()
    jobs = [job.prepare(one) for one in words]
    assert experiment.run_stack(jobs, folders, load_data(jobs[0].config), home=home) == [None] * 3
    for solo, folder in zip(alone, folders, strict=True):
        for row, other in zip(solo.history_rows, Run(folder).history_rows, strict=True):
            assert row == pytest.approx(other, rel=1e-3, abs=1e-3)
        here, there = (one.arrays("selections") for one in (solo, Run(folder)))
        np.testing.assert_array_equal(here["step"], there["step"])
        np.testing.assert_array_equal(here["selected"][0], there["selected"][0])
        assert (here["selected"] == there["selected"]).mean() > 0.99


@pytest.mark.parametrize("gate", ["noisy_top_k", "gshard_top2", "expert_choice", "hash", "relu"])
def test_training_is_the_same_with_all_experts_run_and_with_the_selected_ones(gate):
    words = [*SMALL, f"gate={gate}", "experts.count=4"]
    losses = []
    for dispatch in ("auto", "dense"):
        made = job.prepare([*words, f"trainer.dispatch={dispatch}"])
        data = load_data(made.config)
        learner = learner_of(made.config, data)
        member = Member(learner, build(made.config["trainer"]), seeds_of(made.config))
        loop = Loop([member], data, Watch(), bool)
        loop.epoch()
        losses.append(loop.state.records[0].history[0]["train_loss_nats"])
    assert np.isfinite(losses).all() and losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_controllers_and_regularizers_that_act_after_a_step_serve_every_layer(tmp_path):
    words = [*SMALL, "gate=sigmoid", "k=2", "controller=[loss_free_bias]", "regularizer=[lasso]"]
    row = trained(words, tmp_path / "run").history_rows[-1]
    for layer in ("block0", "block1"):
        assert any(name.startswith(f"{layer}_controller_loss_free_bias") for name in row)
        assert f"{layer}_regularizer_lasso_zero_share" in row


def test_dense_twins_have_as_many_parameters(tmp_path):
    def parameters(*words):
        config = job.prepare([*SMALL, "gate=switch", "experts.hidden=64", *words]).config
        return count_parameters(build_model(config, (1, 8, 8), 10, 0))

    mixture, total, active = parameters(), parameters("baseline=dense_total"), parameters("baseline=dense_active")
    # 8 features and 64 hidden ones with biases, of which one of eight experts acts; two layers
    expert = 2 * 8 * 64 + 64 + 8
    # a hidden feature more or less has 17 parameters
    assert abs(total - mixture) <= 2 * 17 and abs(active - (mixture - 2 * 7 * expert)) <= 2 * 17


def test_finer_experts_are_more_and_more_are_selected():
    made = job.prepare([*SMALL, "gate=top_k", "k=2", "experts.count=4", "experts.hidden=8", "experts.fine_grained=2"])
    # as typed, so that the stored config is the same job
    assert made.config["k"] == 2
    layer = build_model(made.config, (1, 8, 8), 10, 0).network.routed["block0"]
    assert (layer.experts.count, layer.gate.sizes.k, layer.experts.hidden_features) == (8, 4, 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gate=expert_loss"], "take objective=cross_entropy"),
        (["gate=loudest", "objective=cross_entropy"], "reads what experts predict"),
        (["gate=stochastic", "objective=cross_entropy"], "no objective of its own"),
        (["objective=mixture"], "take objective=cross_entropy"),
        (["inference=argmax"], "take inference=mixture"),
        (["baseline=single"], "take baseline=dense_active or dense_total"),
        (["baseline=dense_total", "network.shared_experts=1"], "take network.shared_experts=0"),
        (["recipe=dual_temperature"], "take recipe=end_to_end"),
        (["trainer.skip_untouched=true"], "take trainer.skip_untouched=false"),
        (["experts=mlp"], "take experts=ffn"),
        (["gate.combine=logits"], "leave it null"),
        (["gate=softmax", "trainer.dispatch=sparse"], "take trainer.dispatch=auto"),
        (["network.where=[2]"], "take all, last or a list such as \\[1\\]"),
        (["network.patch=3"], "give network.patch, a divisor of both"),
    ],
)
def test_what_has_no_meaning_in_a_network_is_refused(words, said):
    with pytest.raises(ConfigError, match=said):
        job.prepare([*SMALL, "gate=switch", *words])


def test_numbers_are_refused():
    with pytest.raises(TaskError, match="networks are for classes"):
        job.prepare(["network=mlp", "dataset=diabetes", "gate=switch"])


def test_a_gate_takes_the_linear_score_unless_another_is_chosen():
    def score(*words):
        return job.prepare([*SMALL, *words]).config["gate"]["score"]["_target_"].rpartition(".")[2]

    assert (score("gate=switch"), score("gate=switch", "gate/score=network")) == ("Linear", "Network")
    assert job.prepare(["gate=switch"]).config["gate"]["score"]["_target_"].endswith("Network")


def test_what_a_network_brings_is_not_said_to_differ():
    made = job.prepare([*SMALL, "gate=switch", "network.depth=3"])
    names = {"network", "network.width", "network.heads", "network.depth", "experts.hidden", "trainer.epochs", "gate"}
    assert made.differs.keys() == names and made.differs["network"] == "vision_transformer"


def test_without_a_network_a_job_is_what_it_was(tmp_path):
    made = job.prepare(["trainer.epochs=1", "network=none"])
    assert "network" not in made.config and made.key == job.prepare(["trainer.epochs=1"]).key
    run = trained(["trainer.epochs=1", "network=none"], tmp_path / "run")
    assert "kind" not in json.loads((run.path / "status.json").read_text())


def test_what_each_layer_follows(finished):
    """I(E;A)/H(load) by attribute, of rows: the class, and where a patch stands."""
    trace = read_trace(finished)
    for layer in ("block0", "block1"):
        found = finished.metrics[f"{layer}.attribute_information_per_usage"]["value"]
        assert found["class"] == finished.metrics[f"{layer}.information_per_usage"]["value"]
        expert, position = trace.layer(layer).experts_TK[:, 0], trace.label("position").value
        joint = np.zeros((4, 4))
        np.add.at(joint, (expert, position), 1 / trace.rows)
        outer = joint.sum(1, keepdims=True) * joint.sum(0)
        shared = (joint[joint > 0] * np.log2(joint[joint > 0] / outer[joint > 0])).sum()
        load = joint.sum(1)[joint.sum(1) > 0]
        assert found["position"] == pytest.approx(shared / -(load * np.log2(load)).sum())


def test_a_loaded_network_answers_as_it_was_written_down(finished):
    """For the images of the test split, 0 to 16, as the data set has them."""
    model = moe_lab.load(finished.path).model().train()
    test, trace = finished.arrays("test"), read_trace(finished)
    image_NHW, _ = Digits()._read()
    images = image_NHW[Digits().load().test.index_N]
    np.testing.assert_array_equal(model.predict(images), test["prediction"])
    chances = model.predict_proba(images.reshape(len(images), -1))
    np.testing.assert_allclose(-np.log(chances[np.arange(len(chances)), test["label"]]), test["loss"], rtol=1e-3)
    routed = model.route(images)
    assert list(routed) == ["block0", "block1"] and model.training
    for name, of_layer in routed.items():
        assert of_layer["weights"].shape == (len(images), 4, 4)
        expert_T = trace.layer(name).experts_TK[:, 0]
        np.testing.assert_array_equal(of_layer["selected"].reshape(-1, 4).argmax(1), expert_T)
    assert model.class_names == tuple(map(str, range(10)))
    x_BD = torch.zeros(2, 64)
    noise = noise_by_layer([0], list(model.network.routed))
    assert model(x_BD, noise).log_probs_BC.shape == (2, 10)


def test_a_loaded_network_refuses_other_samples(finished):
    with pytest.raises(DataError, match="8 x 8|64"):
        moe_lab.load(finished.path).model().predict(np.zeros((3, 5)))


def test_a_network_goes_on_with_other_data_and_parts_that_stand_still(finished, tmp_path):
    words = [word for word in WORDS if word != "regularizer=[switch_balance]"]
    again = [*words, "recipe=finetune", f"recipe.run={finished.path}", "recipe.freeze=experts", "classes=[0,1,2,3,4]"]
    run = trained(again, tmp_path / "run")
    before, after = (torch.load(one.path / "checkpoint.pt", weights_only=True)["learner"] for one in (finished, run))
    moved = {name for name, value in after.items() if not value.equal(before[name])}
    assert moved and not any(".routed.experts." in name for name in moved)
    assert any(".routed.gate." in name for name in moved) and "network.head.weight_IO" in moved
    for wrong, said in (
        (["network.depth=3"], "needs a network like that of"),
        (["recipe.expert_dropout=0.1", "recipe.freeze=none"], "take recipe.expert_dropout=0"),
        (["regularizer=[switch_balance]", "recipe.freeze=gate"], "regularizer switch_balance acts on nothing else"),
    ):
        with pytest.raises(ConfigError, match=said):
            job.prepare([*again, *wrong])
