"""TAB, as each shell asks for it and, for bash and fish, in the shell itself."""

import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

#: the command line without torch and Hydra: importing them fails
LIGHT = (
    "import sys; sys.modules.update(torch=None, hydra=None, omegaconf=None); from moe_lab.cli.main import main; main()"
)
KEYS = ["_MOE_LAB_COMPLETE", "_TYPER_COMPLETE_ARGS", "_TYPER_COMPLETE_FISH_ACTION", "COMP_WORDS", "COMP_CWORD"]


def split_as_bash(line: str) -> list[str]:
    """Words of an unquoted line as bash hands them over: '=' is a word of its own."""
    return [token for word in line.split(" ") for token in _at_equals(word)]


def _at_equals(word: str) -> list[str]:
    key, equals, value = word.partition("=")
    return [key, "=", value] if value else [key, "="] if equals else [key]


def request(shell: str, line: str) -> dict[str, str]:
    """The variables that the shell's script sets for TAB at the end of ``line``."""
    if shell == "bash":
        words = split_as_bash(line)
        asked = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    else:
        asked = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    return {"_MOE_LAB_COMPLETE": f"complete_{shell}", **asked}


def proposals(shell: str, out: str) -> list[str]:
    """What the shell's script reads from the answer."""
    if shell != "zsh":
        return out.split()
    return [] if out.strip() == "_files" else [line.split('"')[1] for line in out.splitlines()]


@pytest.fixture
def tab(cli, monkeypatch) -> Callable[..., list[str]]:
    """Proposals for TAB at the end of a line; nothing may go to stderr."""

    def press(line: str, shell: str = "zsh") -> list[str]:
        for key in KEYS:
            monkeypatch.delenv(key, raising=False)
        for key, value in request(shell, f"moe-lab {line}").items():
            monkeypatch.setenv(key, value)
        result = cli()
        assert (result.code, result.err) == (0, "")
        return proposals(shell, result.out)

    return press


@pytest.fixture
def run_folders(cli) -> Path:
    """runs/a, runs/b, and a folder that is no run, in the current folder."""
    for name in ("a", "b", "torn"):
        Path("runs", name).mkdir(parents=True)
    for name in ("a", "b"):
        Path("runs", name, "status.json").write_text("{}")
    return Path("runs")


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "own" / "experts").mkdir(parents=True)
    (tmp_path / "own" / "experts" / "mine.yaml").write_text("count: 3\nhue: red\n")
    return tmp_path / "own"


@pytest.mark.parametrize(
    ("line", "whole"),
    [
        ("train ga", "gate="),
        ("train gate=att", "gate=attentive"),
        ("train gate=", "gate=softmax"),
        ("config gate/sc", "gate/score="),
        ("train gate/score=li", "gate/score=linear"),
        ("train k=2 seed=1 gate=att", "gate=attentive"),
        ("train regularizer=[imp", "regularizer=[importance]"),
        ("train regularizer=[importance,sam", "regularizer=[importance,sample_similarity]"),
        ("train trainer.l", "trainer.lr="),
        ("train trainer.lr", "trainer.lr="),
        ("train trainer.lr=", "trainer.lr=0.001"),
        ("train trainer.optimizer=s", "trainer.optimizer=sgd"),
        ("train dataset=npz dataset.standardize=f", "dataset.standardize=false"),
        ("train regularizer=[importance] regularizers.importance.w", "regularizers.importance.weight="),
        ("train --name=mine --runs elsewhere experts.c", "experts.count="),
        ("sweep gate=softmax,att", "gate=softmax,attentive"),
        ("sweep trainer.optimizer=adam,s", "trainer.optimizer=adam,sgd"),
        ("list da", "dataset"),
        ("list me", "metric"),
        ("explain swit", "switch"),
        ("explain information_per_u", "information_per_usage"),
        ("data prepare dig", "digits"),
        ("data check npz dataset.pa", "dataset.path="),
    ],
)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_what_it_takes(tab, shell, line, whole):
    behind_equals = shell == "bash" and "=" in line.split(" ")[-1]
    assert (whole.partition("=")[2] if behind_equals else whole) in tab(line, shell)


def test_every_proposal_begins_with_what_is_typed(tab):
    assert tab("train trainer.we") == ["trainer.weight_decay=", "trainer.weight_decay=0.0"]
    assert all(word.startswith("trainer.") for word in tab("train trainer."))


def test_between_quotes_bash_takes_whole_words(tab, cli, monkeypatch):
    monkeypatch.setenv("_MOE_LAB_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "moe-lab\ntrain\n'regularizer=[imp")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert cli().out.split() == ["regularizer=[importance]"]


def test_an_empty_prompt_shows_groups_and_top_keys(tab):
    words = tab("train ")
    assert {"gate=", "regularizer=", "trainer=", "k=", "seed="} <= set(words)
    assert not any("." in word for word in words)


def test_what_was_chosen_is_not_proposed_again(tab):
    assert "seed=" in tab("train se")
    assert "seed=" not in tab("train seed=1 se")


def test_behind_a_space_bash_is_given_the_next_word(tab):
    assert "0.001" in tab("train trainer.lr=", "bash")
    assert "gate=" in tab("train trainer.lr= ", "bash")


def test_keys_follow_the_words_before(tab):
    assert tab("train regularizers.") == []
    assert "experts.hidden=" not in tab("train experts=linear experts.")


@pytest.mark.parametrize("option", ["--config-dir {}", "--config-dir={}"])
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_own_options(tab, own, shell, option):
    given = option.format(own)
    assert ("mine" if shell == "bash" else "experts=mine") in tab(f"train {given} experts=m", shell)
    assert "experts.hue=red" in tab(f"train {given} experts=mine experts.hu", shell)


def test_the_home_folder_in_config_dir(tab, own, monkeypatch):
    monkeypatch.setenv("HOME", str(own.parent))
    assert tab("train --config-dir ~/own experts=m")[0].startswith("experts=m")
    assert "experts=mine" in tab("train --config-dir ~/own experts=m")


@pytest.mark.parametrize("shell", ["bash", "zsh"])
@pytest.mark.parametrize(
    "line",
    ["train --config-dir nosuch ga", "list --config-dir nosuch ga", "data prepare --config-dir nosuch d", "train zzz"],
)
def test_nothing_where_nothing_can_be_read(tab, shell, line):
    assert tab(line, shell) == []


def test_nothing_where_an_own_file_is_torn(tab, own):
    (own / "experts" / "mine.yaml").write_text("count: [")
    assert tab(f"train --config-dir {own} experts=mine experts.") == []


def test_run_folders(tab, run_folders):
    assert tab("report ") == ["runs/a", "runs/b"]
    assert tab("report runs/a runs/") == ["runs/b"]
    assert tab("report nosuch/") == []
    run_folders.rename("elsewhere")
    assert tab("report --runs=elsewhere ") == ["elsewhere/a", "elsewhere/b"]
    assert tab("report --runs=elsewhere ", "bash") == ["elsewhere/a", "elsewhere/b"]


def test_options_of_a_group(tab):
    assert {"softmax", "switch"} <= set(tab("list gate ")) and "test_error_rate" in tab("list metric ")
    assert tab("list gate atten") == ["attentive"]


def test_a_name_of_one_group(tab):
    assert tab("explain gate/weigh=spars") == ["gate/weigh=sparsemax"]


def test_filters_of_runs(tab):
    assert {"status=finished", "status=failed"} <= set(tab("runs status="))
    assert "gate=attentive" in tab("runs gate=att") and "test_error_rate<" in tab("runs test_err")


def test_arms_of_a_table(tab, tmp_path):
    for name, gate, differs in (("a", "softmax", {}), ("b", "top_k", {"gate": "top_k", "k": 2, "seed": 1})):
        status = {"status": "finished", "choices": {"gate": gate, "regularizer": []}, "differs": differs}
        (folder := tmp_path / "cwd" / "runs" / name).mkdir(parents=True)
        (folder / "status.json").write_text(json.dumps(status))
    # seeds make no arm, and all runs have the same regularizer
    assert tab("report runs --rows ") == ["gate=softmax", "gate=top_k", "k=2"]
    assert tab("report runs --rows gate=softmax,g") == ["gate=softmax,gate=top_k"]
    assert tab("report elsewhere --rows ") == []


def test_metrics_of_a_table(tab):
    assert "test_error_rate" in tab("report runs --columns ")
    assert tab("report runs --columns test_error_rate,load_entropy_b") == ["test_error_rate,load_entropy_bits"]
    assert tab("report runs --columns load_entropy_bits,load_entropy_b") == []


def test_traces(tab, run_folders):
    assert tab("trace ch") == ["check"] and tab("trace check ") == ["runs/a", "runs/b"]
    assert {"vllm", "megatron"} <= set(tab("trace import --format "))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_torch_and_hydra_are_not_imported(tmp_path, shell):
    asked = request(shell, "moe-lab train gate=top_k trainer.l")
    environment = {**{key: value for key, value in os.environ.items() if key not in KEYS}, **asked}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert proposals(shell, done.stdout) == ["trainer.limit_batches=", "trainer.lr="]
    assert done.stderr == ""


@pytest.fixture
def command(tmp_path: Path) -> dict[str, str]:
    """An environment with a `moe-lab` that is this one, and nothing of the user's shell."""
    file = tmp_path / "bin" / "moe-lab"
    file.parent.mkdir()
    file.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m moe_lab "$@"\n')
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    path = os.pathsep.join([str(file.parent), os.environ["PATH"]])
    root = str(Path(__file__).resolve().parents[2])
    return {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb", "INPUTRC": os.devnull, "PYTHONPATH": root}


@pytest.fixture
def bash(command: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """A real bash at a terminal: what its line is after ``keys``. Ctrl-T writes the line down and empties it."""
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    written = tmp_path / "line"
    write = f'printf "%s\\n" "$READLINE_LINE" > {written}.part; mv {written}.part {written}; READLINE_LINE='
    rc = tmp_path / "rc"
    rc.write_text(f'eval "$(_MOE_LAB_COMPLETE=source_bash moe-lab)"\nbind -x \'"\\C-t":{write}\'\n')
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        ["bash", "--noprofile", "--rcfile", str(rc), "-i"],
        stdin=theirs, stdout=theirs, stderr=theirs, env=command, cwd=tmp_path, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)

    def press(keys: str) -> str:
        os.write(ours, f"{keys}\x14".encode())
        last = time.monotonic() + 60
        while not written.exists() and time.monotonic() < last:
            if select.select([ours], [], [], 0.05)[0]:
                os.read(ours, 4096)
        line = written.read_text()
        written.unlink()
        return line.removesuffix("\n")

    yield press
    shell.kill()
    shell.wait()
    os.close(ours)


def test_in_a_real_bash(bash):
    pressed = {
        "train gate=att\t": "train gate=attentive ",
        "train trainer.lr\t": "train trainer.lr=",  # no space behind it
        "train regularizer=[imp\tregularizers.importance.we\t2":
            "train regularizer=[importance] regularizers.importance.weight=2",
        "train 'regularizer=[imp\t": "train 'regularizer=[importance]' ",
        "train --config-dir nosuch gate=att\t": "train --config-dir nosuch gate=att",
    }  # fmt: skip
    assert {keys: bash(f"moe-lab {keys}").removeprefix("moe-lab ") for keys in pressed} == pressed


def test_in_a_real_fish(command, tmp_path):
    if shutil.which("fish") is None:
        pytest.skip("no fish here")
    script = "_MOE_LAB_COMPLETE=source_fish moe-lab | source; complete -C 'moe-lab train regularizer=[imp'"
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], env=command, cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("regularizer=[importance]\n", "")
