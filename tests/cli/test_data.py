import json

from moe_lab.config.compose import options


def test_list_and_check_digits(cli):
    rows = json.loads(cli("data", "list", "-f", "json").out)
    assert {row["name"] for row in rows} == set(options("dataset"))
    result = cli("data", "check", "digits", "-f", "json")
    assert result.code == 0 and json.loads(result.out)
    assert "digits is ready" in cli("data", "prepare", "digits").out


def test_an_unknown_data_set(cli):
    result = cli("data", "check", "fashon_mnist")
    assert result.code == 2 and "Did you mean fashion_mnist?" in result.err


def test_a_table_is_checked_as_help_shows(cli, tmp_path):
    assert "moe-lab data check csv dataset.path=" in cli("data", "check", "--help").out
    rows = "".join(f"{row},{row / 8}\n" for row in range(40))
    (tmp_path / "cwd" / "own.csv").write_text(f"x,y\n{rows}")
    result = cli("data", "check", "csv", "dataset.path=own.csv", "-f", "csv")
    assert 'own.csv,target,"y: regression, from 0 to 4.875"\n' in result.out
    assert result.err == "regression: training needs experts=gaussian objective=mixture_density\n"


def test_a_torn_file_is_named_with_what_mends_it(cli, tmp_path):
    raw = tmp_path / "data" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    (raw / "train-images-idx3-ubyte").write_bytes(b"torn")
    result = cli("data", "check", "mnist", f"dataset.root={tmp_path / 'data'}")
    assert result.code == 2 and result.err.count("\n") == 1
    assert "train-images-idx3-ubyte" in result.err and "moe-lab data prepare mnist" in result.err


def test_real_data_is_sound(cli, real_data):
    for name in ("mnist", "fashion_mnist"):
        rows = json.loads(cli("data", "check", name, f"dataset.root={real_data}", "-f", "json").out)
        assert len(rows) == 4
