"""A loaded model answers for arrays in the data's own units as the run has written it down for its test split."""

import copy

import numpy as np
import pytest
import torch

import moe_lab
from moe_lab.data.digits import Digits
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.store import checkpoint

SHORT = ["trainer.epochs=1", "trainer.limit_batches=3"]


def trained(path, *words):
    made = job.prepare([*words, *SHORT])
    path.mkdir()
    experiment.run(made, path, load_data(made.config))
    return moe_lab.load(path)


@pytest.fixture(scope="module")
def images():
    """The test split's images, 0 to 16."""
    image_NHW, _ = Digits()._read()
    return image_NHW[Digits().load().test.index_N]


@pytest.mark.parametrize(
    "words",
    [
        ["gate=attentive"],
        ["gate=top_k", "k=2"],
        ["gate=expert_choice"],
        ["gate=softmax", "inference=sample"],
        ["experts=conv", "gate=switch"],
        ["baseline=single"],
    ],
    ids=str,
)
def test_classes(tmp_path, images, words):
    run = trained(tmp_path / "run", *words)
    model = run.model()
    np.testing.assert_allclose(model.predict_proba(images), np.exp(run.routing["log_probs"]), rtol=1e-4, atol=1e-5)
    assert (model.predict(images) == run.routing["prediction"]).mean() > 0.99
    routed = model.route(images)
    assert routed.keys() == {"probs", "weights", "selected"}
    for name in ("probs", "weights"):
        np.testing.assert_allclose(routed[name], run.routing[name], rtol=1e-4, atol=1e-5)
    assert (routed["selected"] == run.routing["selected"]).mean() > 0.99


def test_numbers_in_their_own_unit(tmp_path):
    from sklearn.datasets import load_diabetes

    run = trained(tmp_path / "run", "dataset=diabetes", "experts=gaussian", "objective=mixture_density")
    x, y = load_diabetes(return_X_y=True, scaled=False)
    data = load_data(run.config)
    rows, training = data.test.index_N.numpy(), y[data.train.index_N.numpy()]
    predicted = run.model().predict(x[rows])
    expected = run.routing["prediction"] * training.std() + training.mean()
    np.testing.assert_allclose(predicted, expected, rtol=1e-4)
    # progression scores go from 25 to 346: standardized ones would be off by their mean
    assert 25 < predicted.mean() < 346
    with pytest.raises(moe_lab.RunError, match="predicts numbers"):
        run.model().predict_proba(x[rows])


def test_it_is_a_mixture_and_stays_in_its_mode(tmp_path, images):
    model = trained(tmp_path / "run").model()
    assert isinstance(model, moe_lab.Mixture) and not model.training
    model.train()
    first = model.predict_proba(images)
    assert model.training and (first == model.predict_proba(images)).all()
    copied = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in copied.parameters():
            parameter.zero_()
    assert (model.predict_proba(images) == first).all() and not (copied.predict_proba(images) == first).all()


def test_samples_of_another_shape_are_refused(tmp_path, images):
    model = trained(tmp_path / "run").model()
    model.train()
    for answer in (model.predict, model.predict_proba, model.route):
        with pytest.raises(moe_lab.DataError, match=r"found \(8, 8\)"):
            answer(images[0])
    assert model.training


@pytest.mark.parametrize("numbers", [False, True])
def test_it_answers_without_its_data(tmp_path, numbers):
    rng = np.random.default_rng(0)
    x, y = rng.normal(50, 9, size=(60, 4)), rng.integers(0, 3, size=60)
    own, names = tmp_path / "own.npz", {} if numbers else {"class_names": np.array(["ant", "bee", "cow"])}
    np.savez(own, x_train=x, y_train=100.0 + y if numbers else y, **names)
    words = ["experts=gaussian", "objective=mixture_density"] if numbers else []
    run = trained(tmp_path / "run", "dataset=npz", f"dataset.path={own}", *words)
    before = run.model().predict(x)
    own.unlink()
    model = moe_lab.load(run.path).model()
    assert (model.predict(x) == before).all()
    assert model.class_names == (() if numbers else ("ant", "bee", "cow"))


def test_a_checkpoint_of_an_earlier_version_has_its_data_read(tmp_path, images, monkeypatch):
    run = trained(tmp_path / "run")
    before = run.model().predict(images)
    state = checkpoint.load(run.path)
    del state["units"], state["class_names"]
    checkpoint.save(run.path, state)
    (run.path / "checkpoint.previous.pt").unlink()
    model = moe_lab.load(run.path).model()
    assert (model.predict(images) == before).all() and model.class_names == tuple("0123456789")
