"""A pandas frame given as ``dataset``."""

import numpy as np
import pandas as pd
import pytest

import moe_lab
from moe_lab.data.frames import options_of
from moe_lab.data.table import Csv

RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(40, 9, 60),
        "zip": np.array(["007", "7", "12"])[RNG.integers(0, 3, 60)],
        "grade": pd.Categorical(RNG.integers(1, 4, 60)),
        "answer": np.array(["true", "no"])[RNG.integers(0, 2, 60)],
        "my colour": np.array(["red", "blue"])[RNG.integers(0, 2, 60)],
        "animal": np.array(["ant", "bee", "cow"])[np.arange(60) % 3],
    },
    index=RNG.permutation(60),
)
SHORT = {"trainer.epochs": 1, "trainer.limit_batches": 1, "quiet": True, "report": False}


def test_what_is_read_is_what_the_frame_has(tmp_path):
    options = options_of(FRAME, tmp_path)
    assert options["dataset.categories"] == "[zip,grade,answer]"
    data = Csv(path=str(options["dataset.path"]), categories=("zip", "grade", "answer"), standardize=False).load()
    # "007" and "7" are two; grades 1 to 3 are categories
    assert dict(data.units.columns) == {
        "age": None,
        "zip": ("007", "12", "7"),
        "grade": ("1", "2", "3"),
        "answer": ("no", "true"),
        "my colour": ("blue", "red"),
    }
    np.testing.assert_allclose(data.test.x_ND[:, 0], FRAME["age"].to_numpy()[data.test.index_N], rtol=1e-6)
    assert options_of(FRAME, tmp_path) == options and len(list((tmp_path / "frames").iterdir())) == 1


def test_train_sweep_and_predict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = moe_lab.train(dataset=FRAME, name="one", **SHORT)
    model = run.model()
    assert model.class_names == ("ant", "bee", "cow")
    rows = run.routing["sample_index"]
    assert (model.predict(FRAME)[rows] == run.routing["prediction"]).all()
    other = moe_lab.train(dataset=FRAME, name="site", **{"dataset.target": "my colour"}, **SHORT)
    assert other.model().class_names == ("blue", "red")
    # the same frame is the same job
    assert moe_lab.train(dataset=FRAME.copy(), name="two", **SHORT).status["key"] == run.status["key"]
    assert moe_lab.train(from_="runs/one", name="again", **SHORT).status["key"] == run.status["key"]
    sweep = moe_lab.sweep(dataset=FRAME, seed=range(2), launcher="serial", name="seeds", **SHORT)
    assert len(sweep.frame) == 2 and set(sweep.frame.status) == {"finished"}
    codes = moe_lab.train(dataset=FRAME.assign(age=RNG.integers(0, 3, 60)), **{"dataset.categories": ["age"]}, **SHORT)
    assert codes.config["dataset"]["categories"] == ["age", "zip", "grade", "answer"]


def test_what_a_table_cannot_hold_is_refused(tmp_path):
    with pytest.raises(moe_lab.DataError, match="expected other text in colour than NA, which reads as an empty cell"):
        options_of(pd.DataFrame({"colour": ["NA", "red"] * 9, "y": [0, 1] * 9}), tmp_path)
    with pytest.raises(moe_lab.DataError, match="expected column names in text, found 0"):
        options_of(pd.DataFrame(np.zeros((9, 2))), tmp_path)
