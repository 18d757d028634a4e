"""Files that were torn, cut or had a bit flipped: each is named, nothing is read as if it were whole, and what else
there is is of use as before."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_leaves

from moe_lab.errors import ConfigError, RunError
from moe_lab.experiment import job
from moe_lab.experiment import run as experiment
from moe_lab.experiment.inputs import load_data
from moe_lab.reports import ArmsReport
from moe_lab.store import checkpoint
from moe_lab.store.atomic import write_npz
from moe_lab.store.learned import read_run
from moe_lab.store.run import Run, Unreadable
from moe_lab.store.untrusted import Unusable, read_arrays
from moe_lab.training.watch import Stopped

WORDS = ["trainer.epochs=2", "trainer.limit_batches=2", "trainer.checkpoint_seconds=0"]


def flipped(content: bytes, bit: int) -> bytes:
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]


def flip(path: Path, draw: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(flipped(content, draw.randrange(8 * len(content))))


@pytest.fixture(scope="module")
def made():
    return [job.prepare([*WORDS, f"seed={seed}"]) for seed in (0, 1)]


@pytest.fixture(scope="module")
def runs(made, tmp_path_factory) -> list[Path]:
    """Two finished runs of one arm."""
    folders = [tmp_path_factory.mktemp(f"seed{seed}") for seed in (0, 1)]
    for one, folder in zip(made, folders, strict=True):
        experiment.run(one, folder, load_data(one.config))
    return folders


@pytest.fixture
def copy(runs, tmp_path):
    """A copy of the first run, and another one each time."""
    return lambda name="copy": Path(shutil.copytree(runs[0], tmp_path / name))


def test_any_flipped_bit_of_an_archive_is_found_or_changes_nothing(tmp_path):
    path = tmp_path / "a.npz"
    arrays = {"aa": np.arange(9), "b": np.array(["x", "yy"]), "c": np.float64(3.5)}
    write_npz(path, arrays)
    whole, found = path.read_bytes(), 0
    # every byte, in one or two of its bits
    for bit in range(0, 8 * len(whole), 5):
        path.write_bytes(flipped(whole, bit))
        try:
            read, one = read_arrays(path), read_arrays(path, ["b"])
        except Unusable:
            found += 1
        else:
            assert read.keys() == arrays.keys() and all((read[name] == arrays[name]).all() for name in arrays), bit
            assert (one["b"] == arrays["b"]).all()
    # the rest are dates, rights and versions
    assert found > 0.6 * 8 * len(whole) / 5
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(Unusable):
            read_arrays(path)


def test_a_flipped_bit_of_a_checkpoint_is_found_or_changes_nothing(copy):
    folder = copy()
    (folder / checkpoint.PREVIOUS).unlink()
    whole, draw, found = (folder / checkpoint.NEWEST).read_bytes(), random.Random(0), 0
    expected = tree_leaves(checkpoint.load(folder))
    for _ in range(60):
        (folder / checkpoint.NEWEST).write_bytes(whole)
        flip(folder / checkpoint.NEWEST, draw)
        try:
            state = tree_leaves(checkpoint.load(folder))
        except RunError as error:
            found += 1
            assert "checkpoint.pt is" in str(error) and "train from the start" in str(error)
            # nor is it read as a teacher, or for its features
            with pytest.raises(ConfigError, match="no finished run"):
                read_run(folder)
        else:
            pairs = zip(state, expected, strict=True)
            assert all(torch.equal(one, two) if isinstance(one, torch.Tensor) else one == two for one, two in pairs)
    assert found > 50


@pytest.mark.parametrize("name", ["config.yaml", "environment.json", "history.csv", "timing.csv", "metrics.json"])
def test_a_text_file_of_a_finished_run_that_is_not_what_was_written_is_named(copy, name):
    folder, draw = copy(), random.Random(name)
    whole = (folder / name).read_bytes()
    for _ in range(20):
        (folder / name).write_bytes(draw.choice([whole[: draw.randrange(len(whole))], whole]))
        if (folder / name).read_bytes() == whole:
            flip(folder / name, draw)
        with pytest.raises(Unreadable, match=name) as error:
            getattr(Run(folder), {"history.csv": "history_rows"}.get(name, name.partition(".")[0]))
        assert str(folder / name) in str(error.value) and "\n" not in str(error.value)


def test_a_damaged_status_hides_no_other_run(runs, tmp_path, cli):
    draw = random.Random(0)
    for number in range(60):
        folder = tmp_path / "cwd/runs" / f"{number:02}"
        folder.mkdir(parents=True)
        shutil.copy(runs[0] / "status.json", folder)
        if number % 3 == 1:
            flip(folder / "status.json", draw)
        elif number % 3 == 2:
            whole = (folder / "status.json").read_bytes()
            (folder / "status.json").write_bytes(whole[: draw.randrange(len(whole) - 2)])
    listed = cli("runs", "-f", "json")
    rows = json.loads(listed.out)
    assert listed.code == 0 and len(rows) == 60
    assert all(row["status"] == "unreadable" for row in rows[2::3]) and listed.err.count("status.json") >= 20
    assert all(row["status"] == "finished" for row in rows[0::3])
    assert cli("runs").code == 0 and cli("runs", "--sort", "test_error_rate", "status=finished").code == 0


def stopped(one, folder: Path, batches: int):
    asked = iter(range(batches))
    with pytest.raises(Stopped):
        experiment.run(one, folder, load_data(one.config), stop_asked=lambda: next(asked, None) is None)


def go_on(one, folder: Path) -> None:
    experiment.run(one, folder, load_data(one.config), resume=True)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(made, runs, fresh, contents, killed_at):
    whole = fresh()
    stopped(made[0], whole, 3)
    flip(whole / checkpoint.NEWEST, random.Random(0))
    before = (whole / checkpoint.PREVIOUS).read_bytes()
    # killed on the way on as well: the good one is never lost to the damaged one
    for number in (None, 1, 2, 3, 4, 5, 6, 7, 8):
        folder = fresh()
        shutil.copytree(whole, folder, dirs_exist_ok=True)
        if number is not None:
            assert killed_at(number, lambda folder=folder: go_on(made[0], folder))
            kept = {path.read_bytes() for path in folder.glob("checkpoint*.pt")}
            assert before in kept or number > 5
        go_on(made[0], folder)
        assert contents(folder) == contents(runs[0]), number
        assert "checkpoint.pt is damaged" in (folder / "train.log").read_text()


def test_where_no_checkpoint_is_whole_nothing_is_touched(made, fresh, stamps, cli):
    folder = fresh()
    stopped(made[0], folder, 3)
    for path in folder.glob("checkpoint*.pt"):
        path.write_bytes(path.read_bytes()[:1000])
    before = stamps(folder)
    refused = cli("train", "--resume", folder)
    assert refused.code == 2 and refused.err.count("\n") == 1 and "no usable checkpoint" in refused.err
    assert "checkpoint.pt is torn" in refused.err and "checkpoint.previous.pt is torn" in refused.err
    del before[str(folder / "status.json")]
    after = stamps(folder)
    assert {name: after[name] for name in before} == before and Run(folder).status["status"] == "interrupted"


DAMAGED = ("status.json", "metrics.json", "history.csv", "routing.npz")


def test_one_damaged_run_spoils_no_report_of_many(runs, copy, tmp_path):
    """The report of two whole runs and four damaged ones is that of the two, and says what is left out."""
    damaged = [copy(f"damaged-{name}") for name in DAMAGED]
    for folder, name in zip(damaged, DAMAGED, strict=True):
        (folder / name).write_bytes((folder / name).read_bytes()[:-40])
    found = {}
    for name, folders in (("whole", runs), ("all", [*damaged, *runs])):
        (tmp_path / name).mkdir()
        ArmsReport([Run(folder) for folder in folders]).write(lambda name=name: tmp_path / name)
        found[name] = json.loads((tmp_path / name / "report.json").read_text())
    left_out = found["all"].pop("left_out")
    assert found["whole"].pop("left_out") == [] and found["all"] == found["whole"]
    assert len(left_out) == 4 and all(any(f"/{name} " in one for one in left_out) for name in DAMAGED)
    assert (tmp_path / "all/report.md").read_text().count("Left out: ") == 4
    with pytest.raises(Unreadable):
        ArmsReport([Run(folder) for folder in damaged[:2]])


@pytest.mark.parametrize(("epoch", "batch"), [(10**9, 0), (2, 0), (0, 0), (-1, 0), (1, 10**9), (1, -1)])
def test_a_state_that_claims_another_epoch_than_its_history_ends_no_training(made, fresh, cli, epoch, batch):
    """One of two epochs is done; whatever else the state claims, the run does not end ``finished`` with it."""
    folder = fresh()
    stopped(made[0], folder, 3)
    state = checkpoint.load(folder)
    assert (state["epoch"], state["batch"]) == (1, 1) and len(state["records"][0]["history"]) == 1
    for path in folder.glob("checkpoint*.pt"):
        path.unlink()
    checkpoint.save(folder, state | {"epoch": epoch, "batch": batch})
    refused = cli("train", "--resume", folder)
    assert refused.code == 2 and refused.err.count("\n") == 1, refused
    assert f"{folder}: the checkpoint claims epoch {epoch} and batch {batch} of 2 epochs of 2 batches" in refused.err
    assert Run(folder).status["status"] == "failed" and not (folder / "routing.npz").exists()
