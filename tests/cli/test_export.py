"""`moe-lab export`: every value of every finished run."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.reports.conftest import write_run


@pytest.fixture
def sweep(cli) -> Path:
    """Two gates on two seeds; one more run has not finished."""
    for gate in ("softmax", "attentive"):
        for seed in (1, 2):
            write_run(Path(f"sweep/jobs/{gate}-{seed}"), gate=gate, seed=seed, epochs=4)
    write_run(Path("sweep/jobs/failed"), gate="softmax", seed=3, status="failed", error="no memory")
    return Path("sweep")


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_every_value_is_there(cli, sweep):
    result = cli("export", sweep)
    found = rows(result.out)
    assert result.code == 0 and result.err == ""
    columns = "arm run seed seed_init seed_order gate metric element value unit reason repeats"
    assert list(found[0]) == columns.split()
    for gate in ("softmax", "attentive"):
        for seed in ("1", "2"):
            of_run = [row for row in found if row["gate"] == gate and row["seed"] == seed]
            assert {row["run"] for row in of_run} == {f"{gate}-{seed}"} and gate in of_run[0]["arm"]
            stored = json.loads((sweep / f"jobs/{gate}-{seed}/metrics.json").read_text())
            assert read(of_run) == flat(stored)
            assert {row["metric"]: row["unit"] for row in of_run} == {k: entry["unit"] for k, entry in stored.items()}
    assert {row["run"] for row in found} == {"softmax-1", "softmax-2", "attentive-1", "attentive-2"}


def read(found: list[dict[str, str]]) -> dict[tuple[str, str], float | None]:
    """(metric, element) -> value; no element twice."""
    values = {(row["metric"], row["element"]): float(row["value"]) if row["value"] else None for row in found}
    assert len(values) == len(found)
    return values


def flat(metrics: dict[str, Any]) -> dict[tuple[str, str], float | None]:
    """The same of metrics.json."""
    values: dict[tuple[str, str], float | None] = {}
    for name, entry in metrics.items():
        value = entry["value"]
        if isinstance(value, dict):
            values |= {(name, key): one for key, one in value.items()}
        elif isinstance(value, list):
            values |= {(name, f"{place}"): one for place, one in enumerate(value)}
        else:
            values[name, ""] = value
    return values


def test_what_is_undefined_has_its_reason_and_a_repetition_is_named(cli):
    write_run(Path("all/a"), seed=1, null=("test_error_rate",))
    write_run(Path("all/b"), seed=1)
    found = [row for row in rows(cli("export", "all").out) if row["metric"] == "test_error_rate"]
    assert [(row["run"], row["value"] == "", row["reason"], row["repeats"]) for row in found] == [
        ("a", True, "made null here", ""),
        ("b", False, "", "a"),
    ]


def test_a_file(cli, sweep):
    printed = cli("export", sweep).out
    result = cli("export", sweep, "--out", "values.csv")
    assert (result.code, result.out) == (0, "values.csv\n") and Path("values.csv").read_text() == printed
    again = cli("export", sweep, "--out", "values.csv")
    assert again.code == 2 and "values.csv exists already" in again.err and Path("values.csv").read_text() == printed


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["nowhere"], "nowhere is no run folder"),
        (["sweep", "--to", "parquet"], "Parquet is no text that can be printed: add --out FILE.parquet"),
        (["sweep", "--out", "none/values.csv"], "there is no folder none"),
        (["sweep", "--to", "xlsx"], "--to xlsx: must be one of 'csv', 'parquet'"),
    ],
)
def test_what_is_wrong(cli, sweep, words, says):
    result = cli("export", *words)
    assert result.code == 2 and says in result.err and result.err.count("\n") == 1 and result.out == ""


def test_parquet_without_its_package(cli, sweep, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = cli("export", sweep, "--to", "parquet", "--out", "values.parquet")
    assert result.code == 2 and "--to parquet needs pyarrow, which is not installed: pip install" in result.err
    assert not Path("values.parquet").exists()


def test_a_broken_run_is_left_out_and_named(cli, sweep):
    (sweep / "jobs/softmax-1/metrics.json").write_text("{")
    result = cli("export", sweep)
    assert result.code == 0 and "left out: sweep/jobs/softmax-1/metrics.json" in result.err
    assert len({row["run"] for row in rows(result.out)}) == 3
