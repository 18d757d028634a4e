import subprocess
import sys

import pytest

import moe_lab


def test_help_has_titled_groups_and_examples(cli):
    result = cli("--help")
    assert result.code == 0
    # what to type first needs no download
    assert "Start with moe-lab train, which needs no download" in " ".join(result.out.split())
    assert "docs/tutorial.md" in result.out and "fashion_mnist" not in result.out
    for text in (
        "Experiments",
        "Results",
        "What there is",
        "train",
        "report",
        "runs",
        "trace",
        "list",
        "config",
        "data",
    ):
        assert text in result.out
    for command in ("train", "report", "runs", "list", "explain", "config"):
        assert "Examples:" in cli(command, "--help").out, command
    for words in (["data"], ["trace"], ["trace", "import"], ["trace", "check"]):
        assert "Examples:" in cli(*words, "--help").out, words


def test_no_arguments_is_help(cli):
    for words, usage in (
        ([], "Usage: moe-lab"),
        (["data"], "Usage: moe-lab data"),
        (["trace"], "Usage: moe-lab trace"),
    ):
        result = cli(*words)
        assert usage in result.out and result.err == "" and result.code == 2


def test_version(cli):
    assert cli("--version").out.strip() == f"moe-lab {moe_lab.__version__}"


def test_a_misspelt_option_is_refused(cli):
    result = cli("train", "--nmae", "x")
    assert result.code == 2 and "--nmae" in result.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("train --nmae x", ", --no-compare) (see moe-lab train --help)"),
        ("train --name", "Option '--name' requires an argument. (see moe-lab train --help)"),
        ("sweep --dry", "--dry-run) (see moe-lab sweep --help)"),
        ("trace import --expert 3 x", "(see moe-lab trace import --help)"),
        ("trace improt x", "Did you mean 'import'? (see moe-lab trace --help)"),
        ("export --x", "(see moe-lab export --help)"),
        ("report", "Missing argument 'PATH...'. (see moe-lab report --help)"),
        ("trian", "(see moe-lab --help)"),
        ("--nope", "No such option: --nope (see moe-lab --help)"),
    ],
)
def test_a_wrong_command_line_names_the_help_of_its_command(words, text, cli):
    assert cli(*words.split()).err.endswith(f"{text}\n")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("report . -f latx", "--format latx: must be one of 'table', 'latex', 'md', 'csv', 'json' (see "),
        ("report . --figures tiff", "--figures tiff: must be one of 'pdf', 'svg', 'png' (see "),
        ("export . --to xlsx", "--to xlsx: must be one of 'csv', 'parquet' (see "),
        ("trace import x --name y --experts acht", "--experts acht: must be an integer (see "),
        ("trace import x --name y --k 1.5", "--k 1.5: must be an integer (see "),
        ("trace import x --name y --layers 0", "--layers 0: must be greater than or equal to 1 (see "),
        ("train --runs=", "found an empty text, expected a path; for the current folder write . (see "),
    ],
)
def test_a_value_of_an_option_that_is_wrong(words, text, cli):
    result = cli(*words.split())
    assert result.code == 2 and text in result.err


def test_help_and_listings_import_no_torch():
    """In a fresh interpreter: what completion and `--help` wait for."""
    code = (
        "import sys\n"
        "from moe_lab.cli.main import app\n"
        "for words in (['-h'], ['list'], ['list', 'metric'], ['list', 'gate', 'softmax'], ['data', 'list'], ['runs'],\n"
        "              ['explain', 'digits'], ['explain', 'test_error_rate'], ['explain', 'collapse'],\n"
        "              ['trace', 'import', '-h']):\n"
        "    app(words, standalone_mode=False)\n"
        "print('loaded', [name for name in ('torch', 'pandas', 'torchvision', 'sklearn') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("loaded []")


def test_a_training_imports_no_compiler(tmp_path):
    """Alone with its twins, as a stack, as layers: torch's compiler and SymPy, which it brings along,
    would take most of a second of each."""
    short = "['trainer.epochs=1', 'trainer.limit_batches=1', '-q']"
    code = (
        "import sys\n"
        "from moe_lab.cli.main import app\n"
        "for words in (['train', '--name', 'one'], ['sweep', 'seed=0,1', 'launcher=stacked', '--no-report'],\n"
        "              ['train', 'network=vision_transformer', 'gate=hash', '--no-report', '--no-compare']):\n"
        f"    app([*words, *{short}], standalone_mode=False)\n"
        "print('loaded', [name for name in ('torch._dynamo', 'sympy') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip().endswith("loaded []")
