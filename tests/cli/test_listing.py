import json

from moe_lab.config.compose import groups, options


def test_every_option_of_every_group_has_a_line(cli):
    rows = json.loads(cli("list", "-f", "json").out)
    assert {(row["group"], row["name"]) for row in rows} == {(g, o) for g in groups() for o in options(g)}
    assert all(row["summary"].endswith((".", "?")) for row in rows)


def test_parts_from_the_literature_name_their_paper(cli):
    for group in ("gate", "experts", "objective", "regularizer", "controller"):
        rows = json.loads(cli("list", group, "-f", "json").out)
        assert rows and all(row["source"] for row in rows), group


def test_metrics(cli):
    rows = json.loads(cli("list", "metric", "-f", "json").out)
    assert {"test_error_rate", "information_per_usage"} <= {row["name"] for row in rows}
    assert all(row["unit"] and row["group"] and row["definition"] for row in rows)


def test_every_form(cli):
    assert cli("list", "gate", "-f", "csv").out.startswith("name,summary,source\n")
    assert cli("list", "gate", "-f", "md").out.startswith("| name | summary | source |\n| --- |")
    assert "attentive" in cli("list", "gate").out


def test_an_unknown_group(cli):
    result = cli("list", "gaet")
    assert result.code == 2 and "gate" in result.err and result.err.count("\n") == 1


def test_the_terminal_shows_a_metric_with_its_unit_definition_and_source(cli):
    words = " ".join(cli("list", "metric").out.split())
    error = "test_error_rate fraction, 0 to 1 Share of test samples whose class the mixture gets wrong. 0-1 loss"
    assert words.startswith("Competence test_error_rate") and error in words
