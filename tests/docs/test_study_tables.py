"""The tables of pages on studies are those of the kept files, and so are the words of the pages beside them."""

import csv
import json

import pytest

from docs.study_tables import TABLES, Table, renewed
from docs.tables import DOCS, Column, kept_values
from moe_lab.sweeps.studies.claims import claim_names


@pytest.mark.parametrize("page", sorted({table.page for table in TABLES}))
def test_a_page_has_the_tables_of_the_kept_studies(page):
    """Otherwise: python -m docs.study_tables"""
    assert renewed(page) == (DOCS / page).read_text()


def test_a_page_without_a_place_for_a_table_is_refused():
    with pytest.raises(ValueError, match=r"paper\.md: no place for the table of continual: <!-- table of continual"):
        renewed("paper.md", [Table("paper.md", "continual", {})])


def test_numbers_are_those_of_the_study():
    percent = Column("error, %", factor=100.0, digits=1)
    assert percent.level({"mean": 0.1234, "sd": 0.02, "n": 10, "asked": 10}) == "12.3 ± 2.0"
    assert percent.level({"mean": 0.5, "sd": 0.1, "n": 7, "asked": 10}) == "50.0 ± 10.0 (7 of 10 defined)"
    assert percent.level(None) == percent.difference(None) == ""
    line = {"mean": -0.01, "low": -0.02, "high": 0.001, "verdict": "inconclusive", "p": 0.25}
    assert percent.difference(line) == "-1.0 (-2.0 to +0.1), inconclusive, p = 0.25"


def test_numbers_are_computed_from_the_values_of_seeds():
    bits = Column("bits", digits=3)
    assert bits.mean_and_sd({0: 1.0, 1: 3.0}) == "2.000 ± 1.414"  # sd = sqrt(1 + 1)
    assert bits.mean_and_sd({7: 0.5}) == "0.500"
    assert bits.mean_and_sd({}) == bits.paired({}, {0: 1.0}) == ""
    # Student's t of two values: 2 ± 12.706 * 1.414 / sqrt 2
    assert bits.mean_and_interval({0: 1.0, 1: 3.0}, "*") == "2.000* (-10.706 to 14.706)"
    # six differences of 1: 2 of 64 sign patterns reach their sum, and the shift 1 alone is not rejected
    ours = {seed: 1.0 + seed for seed in range(7)}
    assert bits.paired(ours, {seed: float(seed) for seed in range(6)}) == "+1.000 (+1.000 to +1.000), p = 0.031"


def test_kept_values_are_read_by_row_and_by_column(tmp_path):
    by_row, by_column = tmp_path / "rows.csv", tmp_path / "columns.csv"
    by_row.write_text("arm,setting,seed,name,value\na,,0,error,0.5\na,,1,error,\nb,x,0,error,0.25\n")
    by_column.write_text("arm,seed,error,bits\na,0,0.5,\nb,0,0.25,1\n")
    assert kept_values(by_row) == {("a", "error"): {0: 0.5}, ("b", "error"): {0: 0.25}}
    assert kept_values(by_column) == kept_values(by_row) | {("b", "bits"): {0: 1.0}}


FAIR = [f"krishnamurthy2023/{data}-fair" for data in ("mnist", "fashion_mnist")]


@pytest.mark.parametrize("folder", sorted({table.folder for table in TABLES if isinstance(table, Table)} | {*FAIR}))
def test_every_arm_had_as_many_settings_and_its_chosen_one_has_the_lowest_validation_error(folder):
    kept = DOCS / "studies" / folder
    facts = json.loads((kept / "study.json").read_text())
    with (kept / "study-tuning.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    seeds = {row["seed"] for row in rows}
    with (kept / "study-runs.csv").open(newline="") as file:
        assert not seeds & {row["seed"] for row in csv.DictReader(file)}
    counts = set()
    # a student has its teacher's setting
    tuned = {arm: one for arm, one in facts["arms"].items() if not arm.startswith("distilled")}
    for arm, one in tuned.items():
        errors: dict[str, list[float]] = {}
        for row in rows:
            if row["arm"] == arm:
                errors.setdefault(row["setting"], []).append(float(row["validation_error_rate"]))
        assert all(len(values) == len(seeds) for values in errors.values())
        counts.add(len(errors))
        [chosen] = one["settings"]
        # equal errors may differ in their last bits
        assert sum(errors[chosen]) == pytest.approx(min(map(sum, errors.values())), rel=1e-12)
    assert len(counts) == 1


def test_as_many_claims_have_been_run_as_readme_says():
    folder = DOCS / "studies" / "claims"
    run = {json.loads(path.read_text())["choices"]["claim"] for path in folder.glob("*/study.json")}
    assert run == set(claim_names("claims")) and len(run) == 16
    assert "sixteen claims so far" in (DOCS.parent / "README.md").read_text()


def test_the_loss_or_error_is_lower_as_predicted_in_four_claims():
    """What docs/studies/claims.md and docs/studies.md say."""
    assert "four claims of the twelve that predict it" in (DOCS / "studies.md").read_text()
    kept = [json.loads(path.read_text()) for path in (DOCS / "studies" / "claims").glob("*/study.json")]
    held = {
        (facts["choices"]["claim"], facts["choices"].get("dataset", ""))
        for facts in kept
        for line in facts["predictions"]
        if line["name"] in ("test_loss_nats", "test_error_rate") and line["verdict"] == "holds"
    }
    lower = {
        facts["choices"]["claim"]
        for facts in kept
        for line in facts["predictions"]
        # kmeans: the price of a router without parameters, not a gain
        if line["name"] in ("test_loss_nats", "test_error_rate")
        and line["expect"] == "lower"
        and facts["choices"]["claim"] != "kmeans"
    }
    assert len(lower) == 12
    assert {name for name, _ in held} < lower
    assert held == {
        ("chen2022", ""),
        ("balancing_scope", "text_modules"),
        ("fine_grained", "markov_languages"),
        ("simbal", "digits"),
    }
