"""`moe-lab export --to parquet`, by its own package and read by pandas."""

import io
from pathlib import Path

import pandas as pd
import pytest

from tests.reports.conftest import write_run

pytestmark = pytest.mark.extras


def test_the_file_has_what_the_csv_has(cli):
    pytest.importorskip("pyarrow")
    for seed in (1, 2):
        write_run(Path(f"all/r{seed}"), seed=seed)
    assert cli("export", "all", "--to", "parquet", "--out", "v.parquet").code == 0
    frame = pd.read_parquet("v.parquet")
    assert str(frame["value"].dtype) == "float64" and str(frame["seed"].dtype) == "int64"
    csv = pd.read_csv(io.StringIO(cli("export", "all").out), dtype={"element": "str", "repeats": "str"})
    pd.testing.assert_frame_equal(frame, csv, check_dtype=False)
    assert frame.query("metric == 'test_error_rate'").value.between(0, 1).all()
