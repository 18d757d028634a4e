"""Oddities of a user's arrays are reported once, before training and by `data check`, and the remedy in the message
works."""

import re

import numpy as np

X = np.random.default_rng(0).normal(size=(60, 4))
Y = np.array(["ant", "bee", "cow"])[np.arange(60) % 3]
WORDS = ("dataset=npz", "dataset.path=own.npz")
TRAIN = ("train", *WORDS, "trainer.epochs=1", "trainer.limit_batches=1", "--no-report")


def test_constant_columns_are_left_out_as_the_expression_says(cli, tmp_path):
    arrays = {"x_train": X * [1, 0, 1, 0], "y_train": Y, "x_test": X[:6] * [1, 0, 1, 0], "y_test": Y[:6]}
    np.savez(tmp_path / "cwd" / "own.npz", **arrays)
    said = cli(*TRAIN).err
    assert "odd: 2 of 4 features have one value in all samples: save x_train as `numpy.delete" in said
    assert cli("data", "check", "npz", WORDS[1]).err == said and cli(*TRAIN, "-q").err == ""
    for key, text in re.findall(r"(\w+) as `([^`]+)`", said):
        arrays = arrays | {key: eval(text, {"numpy": np, **arrays})}
    np.testing.assert_array_equal(arrays["x_train"], X[:, [0, 2]])
    np.savez(tmp_path / "cwd" / "own.npz", **arrays)
    assert cli(*TRAIN).err == ""


def test_a_feature_that_differs_in_the_test_part_is_not_constant(cli, tmp_path):
    x_test = X[:6].copy()
    np.savez(tmp_path / "cwd" / "own.npz", x_train=X * [1, 0, 1, 1], y_train=Y, x_test=x_test, y_test=Y[:6])
    assert cli(*TRAIN).err == ""


def test_a_class_that_the_test_part_lacks(cli, tmp_path):
    np.savez(tmp_path / "cwd" / "own.npz", x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2])
    said = cli(*TRAIN).err
    assert "odd: the test split has no sample of class cow, so nothing is measured of it: add samples, or train" in said
    assert "without with classes=[0,1]\n" in said
    assert cli(*TRAIN, "classes=[0,1]").err == ""


def test_a_sweep_says_it_once(cli, tmp_path):
    np.savez(tmp_path / "cwd" / "own.npz", x_train=X, y_train=Y, x_test=X[:2], y_test=Y[:2])
    sweep = ("sweep", *WORDS, *TRAIN[3:], "launcher=serial", "seed=0,1", "gate=softmax,top_k")
    assert cli(*sweep, "--dry-run").err.count("odd: ") == 0
    assert cli(*sweep).err.count("odd: the test split has no sample of class cow") == 1
    assert "odd: " not in cli(*sweep, "-q").err
    assert "odd: " not in cli(*sweep, "classes=[0,1]").err


def test_three_samples_a_class(cli, tmp_path):
    few = np.where(np.arange(60) < 3, "rare", Y)
    np.savez(tmp_path / "cwd" / "own.npz", x_train=X, y_train=few)
    said = cli(*TRAIN).err
    # 12 of 60 are held out: of each class of 19 3.8, of the three .6, which the larger remainders leave none
    remedy = "add samples, or train without with classes=[0,1,2]\n"
    assert said == (
        f"odd: the test split has no sample of class rare, so nothing is measured of it: {remedy}"
        f"odd: class rare has fewer than 5 training samples (3): {remedy}"
    )
    assert cli(*TRAIN, "classes=[0,1,2]").err == ""


def test_images_may_have_borders_of_one_value(cli, tmp_path):
    np.savez(tmp_path / "cwd" / "own.npz", x_train=np.pad(X.reshape(60, 2, 2), [(0, 0), (1, 1), (1, 1)]), y_train=Y)
    assert cli(*TRAIN).err == ""
