"""A user's tables: how each kind of column is read, and that the remedy in each message works."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import OneHotEncoder

from moe_lab.data.table import Csv
from moe_lab.data.units import units_of
from moe_lab.errors import DataError

N = 60
RNG = np.random.default_rng(0)
AGE, ANIMALS, SITES = RNG.normal(40, 9, N).round(2), np.array(["ant", "bee", "cow"]), np.array(["north", "south"])
FRAME = pd.DataFrame(
    {
        "age": AGE,
        "old": AGE > 40,
        "colour": np.array(["red", "blue", "green"])[RNG.integers(0, 3, N)],
        "code": RNG.integers(0, 4, N),
        "site": SITES[RNG.integers(0, 2, N)],
        "animal": ANIMALS[np.arange(N) % 3],
    }
)


@pytest.fixture
def saved(tmp_path):
    def save(frame=FRAME, name="own.csv", **how):
        frame.to_csv(tmp_path / name, index=False, **how)
        return str(tmp_path / name)

    return save


def changed(**columns):
    return FRAME.assign(**columns)


def test_what_becomes_of_each_kind_of_column(saved):
    data = Csv(path=saved(), attributes=("site",), categories=("code",), standardize=False).load()
    rows = data.test.index_N.numpy()
    # the columns in their order: one number, one boolean, three colours, four codes
    encoder = OneHotEncoder(sparse_output=False).fit(FRAME[["colour", "code"]])
    expected = np.column_stack([AGE, AGE > 40, encoder.transform(FRAME[["colour", "code"]])])
    assert data.shape == (1 + 1 + 3 + 4,)
    np.testing.assert_allclose(data.test.x_ND, expected[rows].astype(np.float32))
    assert data.class_names == ("ant", "bee", "cow")
    np.testing.assert_array_equal(data.test.y_N, rows % 3)
    assert data.attributes["site"].tolist() == FRAME["site"][rows].tolist()
    # 60: ceil(.2 x 60) = 12 for the test, ceil(.1 x 48) = 5 for validation
    assert [len(data.train), len(data.validation), len(data.test)] == [43, 5, 12]
    assert Csv(path=saved(), attributes=("site",)).describe() == ((1 + 1 + 3 + 1,), data.class_names)


def test_a_frame_is_read_as_the_table_was(saved):
    data = Csv(path=saved()).load()
    for units in (data.units, units_of(data.units.stored(), data.features)):
        x_ND = units.inputs(FRAME, data.shape)
        np.testing.assert_allclose(x_ND[data.test.index_N], data.test.x_ND, rtol=1e-6)
    with pytest.raises(DataError, match="expected a column colour, found none. Did you mean color"):
        data.units.inputs(FRAME.rename(columns={"colour": "color"}), data.shape)
    with pytest.raises(DataError, match="expected numbers in the column age"):
        data.units.inputs(changed(age="young"), data.shape)
    # a colour that the table had not is 0 throughout
    other = Csv(path=saved(), standardize=False).load().units.inputs(changed(colour="pink"), data.shape)
    assert (other[:, 2:5] == 0).all()


@pytest.mark.parametrize(
    ("target", "task", "names"),
    [
        (np.arange(N) % 3 + 9, None, ("9", "10", "11")),
        ((np.arange(N) % 2).astype(bool), None, ("False", "True")),
        (np.arange(N) % 3 * 1.0, None, ("0", "1", "2")),
        (np.arange(N) % 3 + 9, "regression", ()),
        (AGE, None, ()),
        (np.array(["1", "b", "10"])[np.arange(N) % 3], None, ("1", "10", "b")),
    ],
)
def test_classes_and_numbers(saved, target, task, names):
    data = Csv(path=saved(changed(animal=target)), task=task).load()
    assert data.class_names == names
    rows = data.test.index_N.numpy()
    if names:
        assert [names[c] for c in data.test.y_N.tolist()] == [str(v).removesuffix(".0") for v in target[rows].tolist()]
    else:
        assert data.target.name == "animal"
        np.testing.assert_allclose(data.units.targets(data.test.y_N), target[rows], rtol=1e-6)


def test_any_column_may_be_the_target_and_one_number_the_input(saved):
    data = Csv(path=saved(FRAME[["age", "code"]]), target="age").load()
    assert (data.shape, data.target.name, data.input.name) == ((1,), "age", "code")
    code = FRAME["code"].to_numpy()[data.train.index_N.numpy()]
    assert (data.input.mean, data.input.sd) == pytest.approx((code.mean(), code.std()))


def test_a_test_part_of_ones_own(saved):
    test = FRAME.iloc[[5, 3, 1]][FRAME.columns[::-1]]
    data = Csv(path=saved(), test_path=saved(test, "test.csv"), target="animal", standardize=False).load()
    assert len(data.test) == 3 and len(data.train) + len(data.validation) == N
    np.testing.assert_allclose(data.test.x_ND[:, 0], AGE[[5, 3, 1]].astype(np.float32))
    assert [data.class_names[c] for c in data.test.y_N.tolist()] == ["cow", "ant", "bee"]


@pytest.mark.parametrize("how", [{"sep": ";"}, {"sep": "\t"}, {"encoding": "utf-8-sig"}, {"sep": ";", "decimal": ","}])
def test_forms_of_text(saved, how):
    plain = Csv(path=saved()).load()
    data = Csv(path=saved(name="other.csv", **how), decimal="comma" if "decimal" in how else "point").load()
    np.testing.assert_array_equal(data.train.x_ND, plain.train.x_ND)


def test_rows_with_empty_cells_are_dropped_and_the_others_keep_their_numbers(saved):
    holed = changed(age=np.where(np.arange(N) % 7 == 0, np.nan, AGE))
    data = Csv(path=saved(holed), missing="drop", validation_share=0.0).load()
    rows = sorted(data.train.index_N.tolist() + data.test.index_N.tolist())
    assert rows == [row for row in range(N) if row % 7]
    np.testing.assert_array_equal(data.test.y_N, data.test.index_N % 3)


def test_a_table_that_is_written_anew_is_described_anew(saved):
    dataset = Csv(path=saved())
    assert dataset.describe()[0] == (8,)
    saved(FRAME.drop(columns="code"))
    assert dataset.describe()[0] == (7,)


HOLED = np.where(np.arange(N) % 7 == 0, np.nan, AGE)
#: what a message, or a sentence about what is odd, is said of
CASES = {
    "empty cells": changed(age=HOLED),
    "infinite": changed(age=np.where(np.arange(N) % 7 == 0, np.inf, AGE)),
    "beyond float32": changed(age=np.where(np.arange(N) % 7 == 0, 1e300, AGE)),
    "empty cells of the target": changed(animal=np.where(np.arange(N) % 7 == 0, None, FRAME["animal"])),
    "a column without a value": changed(age=np.nan),
    "names of rows": changed(name=[f"row {row}" for row in range(N)])[["name", *FRAME.columns]],
    "numbers with some text": changed(age=np.where(np.arange(N) % 7 == 0, "unknown", FRAME["code"].astype(str))),
    "decimal commas": changed(age=[f"{one:.2f}".replace(".", ",") for one in AGE]),
    "a constant column": changed(one=1)[["one", *FRAME.columns]],
    "two constant columns, one a text": changed(one=1, my_two="x y")[["one", "my_two", *FRAME.columns]],
    "a constant column with a blank": changed(one=1).rename(columns={"one": "no 1"})[["no 1", *FRAME.columns]],
    "a constant column of a name beyond ASCII": changed(one=1).rename(columns={"one": "höhe"})[
        ["höhe", *FRAME.columns]
    ],
    "a column that is called null": changed(null=[f"row {row}" for row in range(N)])[["null", *FRAME.columns]],
    "a class of two": changed(animal=np.where(np.arange(N) < 2, "rare", FRAME["animal"])),
    "a class of one": changed(animal=np.where(np.arange(N) < 1, "rare", FRAME["animal"])),
    "whole numbers to predict": changed(animal=RNG.integers(0, 40, N)),
}
TRAIN = ("train", "dataset=csv", "dataset.path=own.csv", "trainer.epochs=1", "trainer.limit_batches=1", "--no-report")


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_works(case, cli, tmp_path):
    """Each override that a message prints is enough by itself: the run trains and prints no further message."""
    CASES[case].to_csv(tmp_path / "cwd" / "own.csv", index=False)
    first = cli(*TRAIN)
    said = words_of(first.err)
    assert said, first
    for word in said:
        result = cli(*TRAIN, *word, *(NUMBERS if "regression" in word[0] else ()))
        assert result.code == 0 and result.err == "", (word, result)


NUMBERS = ("experts=gaussian", "objective=mixture_density")


def test_where_no_words_mend_it_none_are_given(cli, tmp_path):
    three_a_class = changed(animal=[f"kind {row // 3}" for row in range(N)])
    three_a_class.to_csv(tmp_path / "cwd" / "own.csv", index=False)
    first = cli(*TRAIN)
    assert first.code == 0 and words_of(first.err) == []
    # 12 of 20 classes give their one test sample
    assert "no sample of the classes" in first.err and "and 3 more, so nothing is measured of them: add" in first.err
    assert "fewer than 5 training samples (2, 2, 2, 2, 2, ...): add samples\n" in first.err


def words_of(text):
    found = re.findall(r"'(dataset\.\w+=\[[^']*\])'|((?:dataset\.\w+|classes)=[\w\[\],]+\w\]?)", text)
    return [[quoted or bare] for quoted, bare in found]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a first line of column names, found none"),
        ("1,2,0\n3,4,1\n", "expected a first line of column names, found the numbers 1, 2, 0; write names above"),
        ("a,b,a\n1,2,0\n", "expected columns of different names, found a twice; rename one"),
        ("a,b\n", "expected rows below the column names, found none"),
        (
            "a,b\n1,2\n1,2,3\n",
            r"expected a table with 2 cells a row, found none \(Expected 2 fields in line 3",
        ),
        ("a,b\n1,2\n3\n", "in each cell of b, found none in 1 of 2, first in row 2; leave these rows out"),
        ("b\n1\n0\n", "expected columns besides the target, found none"),
        ("a,b\n1,x\n2,x\n", "expected two classes or more in b, found only x"),
        ("a\xff,b\n1,x\n".encode("latin-1"), "expected text in UTF-8, found other bytes; save the table as CSV"),
        (b"PK\0\0\n", "expected a first line of column names, found none"),
    ],
)
def test_what_is_no_table(tmp_path, text, said):
    path = tmp_path / "own.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for act in (Csv(path=str(path)).describe, Csv(path=str(path)).load):
        with pytest.raises(DataError, match=said) as caught:
            act()
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"target": "animl"}, "dataset.target: expected a column of the table, found animl. Did you mean animal"),
        ({"exclude": ("agee",)}, "dataset.exclude: expected a column of the table, found agee. Did you mean age"),
        ({"exclude": ("animal",)}, "dataset.target: animal is to be left out or an attribute too; name another"),
        ({"attributes": ("nosuch",)}, "dataset.attributes: expected a column"),
        ({"task": "regression"}, "expected numbers in animal, found ant; give another dataset.target"),
        ({"target": "age", "task": "classification"}, r"expected classes in age, found the fraction \d+"),
        ({"test_path": "nosuch.csv"}, "nosuch.csv: expected a table, found no file"),
        ({"test_share": 0.0}, "expected a table of the test split by dataset.test_path, or samples enough"),
    ],
)
def test_options_that_do_not_fit(saved, options, said):
    with pytest.raises(DataError, match=said):
        Csv(path=saved(), **options).load()


def test_a_test_part_of_other_columns_or_classes(saved):
    with pytest.raises(DataError, match="test.csv: expected the columns of the training table, found none named old"):
        Csv(path=saved(), test_path=saved(FRAME.drop(columns="old"), "test.csv")).load()
    with pytest.raises(DataError, match="expected the 3 classes of the training table in animal, found emu in 60"):
        Csv(path=saved(), test_path=saved(changed(animal="emu"), "test.csv")).load()


def test_an_attribute_of_a_name_that_moe_lab_gives(saved):
    with pytest.raises(DataError, match="ink is a name that moe-lab gives itself; rename the column"):
        Csv(path=saved(FRAME.rename(columns={"site": "ink"})), attributes=("ink",)).load()


def found(dataset):
    return {(row["source"], row["found"]) for row in dataset.check()}


def test_check_says_how_a_table_is_understood(saved):
    path = saved()
    dataset = Csv(path=path, attributes=("site",), exclude=("old",), categories=("code",))
    assert dataset.check() == [
        {"file": path, "source": source, "found": text}
        for source, text in [
            ("your table", "60 rows x 6 columns, no empty cells"),
            ("target", "animal: 3 classes: ant (20), bee (20), cow (20)"),
            ("inputs", "1 number: age"),
            ("inputs", "2 categories, one-hot: colour (3 values), code (4 values)"),
            ("attributes", "site"),
            ("ignored", "old"),
            ("splits", "43 + 5 + 12 samples (training, validation, test)"),
        ]
    ]


def test_check_says_which_rows_are_left_out_and_lists_the_test_table(saved):
    # rows 0, 7, ... 56 of 60 are empty
    path, test_path = saved(changed(age=HOLED)), saved(FRAME[:6], "test.csv")
    assert {
        ("your table", "60 rows x 6 columns, 9 of the rows left out for empty cells"),
        ("your table", "6 rows x 6 columns, no empty cells"),
    } <= found(Csv(path=path, test_path=test_path, missing="drop"))
    only = ("your table", "60 rows x 6 columns, empty cells in ignored columns only")
    assert only in found(Csv(path=path, exclude=("age",)))


def test_check_says_what_a_target_in_numbers_is_taken_for(saved):
    path = saved(FRAME[["age", "code"]])
    low, high = FRAME["age"].min(), FRAME["age"].max()
    assert ("target", f"age: regression, from {low:.4g} to {high:.4g}") in found(Csv(path=path, target="age"))
    [classes] = {text for source, text in found(Csv(path=path)) if source == "target"}
    assert classes.startswith("code: 4 classes: 0 (")
    assert classes.endswith("); to predict numbers, give dataset.task=regression")
    [numbers] = {text for source, text in found(Csv(path=path, task="regression")) if source == "target"}
    assert numbers == "code: regression, from 0 to 3; to predict classes, give dataset.task=classification"


def test_check_counts_many_classes_and_columns_together(saved):
    wide = pd.DataFrame({f"x{number}": AGE for number in range(12)} | {"y": [f"kind {row // 4}" for row in range(N)]})
    assert {
        ("target", "y: 15 classes of 4 to 4 samples"),
        ("inputs", "12 numbers: x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 and 2 more"),
    } <= found(Csv(path=saved(wide)))
