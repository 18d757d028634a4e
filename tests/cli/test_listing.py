import json

import pytest

from moe_lab.config.compose import groups, options
from moe_lab.config.details import details
from moe_lab.config.outline import outline


def test_groups_have_a_count_and_a_sentence(cli):
    rows = json.loads(cli("list", "-f", "json").out)
    assert [row["group"] for row in rows] == [*groups(), "metric"]
    assert all(row["options"] == len(options(row["group"])) for row in rows[:-1])
    assert rows[-1]["options"] == len(json.loads(cli("list", "metric", "-f", "json").out)) > 100
    assert all(row["summary"].endswith(".") and row["summary"].count(". ") == 0 for row in rows)
    shown = cli("list").out
    assert len(shown.splitlines()) < 60 and "`moe-lab list GROUP NAME` says all about one" in shown


def test_every_option_of_every_group_has_a_line(cli):
    for group in groups():
        rows = json.loads(cli("list", group, "-f", "json").out)
        assert [row["name"] for row in rows] == options(group)
        assert all(row["summary"].endswith((".", "?")) for row in rows)


def test_all_about_an_option(cli):
    shown = " ".join(cli("list", "regularizer", "importance").out.split())
    assert shown.startswith("regularizer=importance CV^2(I) = var_e(I)") and shown.count("CV^2(I)") == 1
    assert "source: Shazeer et al. 2017, Outrageously large" in shown and shown.count("eq. 6 and 7") == 1
    assert "regularizers.importance.weight 0.1 its coefficient; Shazeer et al. take 0.1" in shown
    # what it is made of, and its defaults as one types them
    gate = " ".join(cli("list", "gate", "softmax").out.split())
    assert "brings: gate/score=network gate/select=top_k gate/weigh=softmax" in gate
    assert "gate.combine null" in gate and "gate.score.body.hidden [64,32]" in gate
    assert "recipe.tasks must be given" in " ".join(cli("list", "recipe", "extend").out.split())
    assert "launcher.runs 16" in " ".join(cli("list", "launcher", "stacked").out.split())


def test_every_option_has_its_details(cli):
    """The keys are those that the composed config has below the place of the option."""
    for group in groups():
        for option in options(group):
            found = details(group, option)
            assert found.summary and found.word == f"{group}={option}"
            # from its class, from a class that this one derives from, or from the comment in the YAML file
            assert found.keys.keys() == found.sentences.keys(), option
            if group == "gate":
                composed = outline([found.word]).defaults
                assert found.keys == {key: composed[key][0] for key in composed if key.startswith("gate.")}
    [row] = json.loads(cli("list", "controller", "temperature", "-f", "json").out)
    assert row["name"] == "temperature" and all(key.startswith("controllers.temperature.") for key in row["keys"])


def test_an_option_of_one_s_own(cli, tmp_path):
    folder = tmp_path / "own/gate"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("# My gate.\n# Source: Me 2026.\n_target_: mine.Mine\nwidth: 3\n")
    (tmp_path / "mine.py").write_text('class Mine:\n    """Mine.\n\n    width: how wide.\n    """\n')
    words = ("--config-dir", tmp_path / "own", "--plugin", tmp_path / "mine.py")
    shown = " ".join(cli("list", "gate", "mine", *words).out.split())
    assert shown == "gate=mine Mine. source: Me 2026. options gate.width 3 how wide."


def test_one_metric(cli):
    shown = " ".join(cli("list", "metric", "load_entropy_bits").out.split())
    assert shown.startswith("metric=load_entropy_bits ") and "unit: bits bounds: 0 to log2 E" in shown
    assert [row["name"] for row in json.loads(cli("list", "metric", "purity", "-f", "json").out)] == ["purity"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["gate", "sofmax"], "no gate named 'sofmax'. Did you mean softmax?"),
        (["gaet", "softmax"], "no group named 'gaet'. Did you mean gate?"),
        (["metric", "test_eror_rate"], "no metric named 'test_eror_rate'. Did you mean test_error_rate?"),
    ],
)
def test_what_is_not_there(cli, words, says):
    result = cli("list", *words)
    assert result.code == 2 and says in result.err and result.err.count("\n") == 1 and result.out == ""


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
    error = "test_error_rate fraction, 0 to 1 Share of test samples whose class the mixture predicts wrongly. 0-1 loss"
    assert words.startswith("Competence test_error_rate") and error in words
