"""Parquet without pyarrow."""

import sys

import pytest

from moe_lab.data.table import Parquet
from moe_lab.errors import ConfigError


def test_parquet_without_pyarrow_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"dataset=parquet needs pyarrow.*pip install .*\[parquet\]"):
        Parquet(path="own.parquet").load()
