"""`dataset=parquet`, which needs pyarrow."""

import numpy as np
import pandas as pd
import pytest

from moe_lab.data.table import Csv, Parquet
from moe_lab.errors import DataError

pytestmark = pytest.mark.extras
pytest.importorskip("pyarrow")
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": RNG.normal(size=60).round(3),
        "code": RNG.integers(0, 3, 60),
        "colour": pd.Categorical(np.array(["red", "blue"])[RNG.integers(0, 2, 60)]),
        "animal": np.array(["ant", "bee", "cow"])[np.arange(60) % 3],
    }
)


def test_it_is_the_same_data_as_its_csv(tmp_path):
    FRAME.to_parquet(tmp_path / "own.parquet")
    FRAME.to_csv(tmp_path / "own.csv", index=False)
    for options in ({}, {"categories": ("code",)}):
        ours = Parquet(path=str(tmp_path / "own.parquet"), **options).load()
        theirs = Csv(path=str(tmp_path / "own.csv"), **options).load()
        np.testing.assert_array_equal(ours.train.x_ND, theirs.train.x_ND)
        assert ours.class_names == theirs.class_names and ours.units.columns == theirs.units.columns


def test_what_is_no_parquet(tmp_path):
    path = tmp_path / "own.parquet"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="expected a Parquet file, found one that is none"):
        Parquet(path=str(path)).load()
    with pytest.raises(DataError, match="expected a table, found no file"):
        Parquet(path="nosuch.parquet").load()
    FRAME.assign(day=pd.Timestamp("2026-01-01"))[["day", "animal"]].to_parquet(path)
    with pytest.raises(DataError, match=r"expected numbers or text in day, found dates; leave it out with 'dataset"):
        Parquet(path=str(path)).load()
