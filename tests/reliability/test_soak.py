"""Hundreds of kills at moments that the clock chooses: `make soak`, or `make soak N=1000`."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

#: how many kills, and where the dice begin
N, SEED = int(os.environ.get("N", "200")), int(os.environ.get("SEED", "0"))
SHORT = ["gate=noisy_top_k", "trainer.epochs=6", "trainer.limit_batches=8", "trainer.checkpoint_seconds=0.02"]
WAYS = {
    "train": ["train", "--name", "a", "--no-compare", *SHORT],
    "serial": ["sweep", "--name", "a", "seed=0,1", "launcher=serial", *SHORT],
    "processes": ["sweep", "--name", "a", "seed=0,1,2", "launcher=processes", "launcher.workers=2", *SHORT],
    "stacked": [
        "sweep",
        "--name",
        "a",
        "seed=0,1,2,3",
        "seed_order=0",
        "launcher=stacked",
        "launcher.workers=2",
        *SHORT,
    ],
}


class Life:
    """A command from one kill to the next."""

    def __init__(self, cwd: Path, words: list[str]) -> None:
        self.began = time.monotonic()
        command = [sys.executable, "-m", "moe_lab", *words]
        with open(cwd / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log, start_new_session=True)

    def lasts(self, seconds: float) -> bool:
        try:
            self.process.wait(max(seconds - (time.monotonic() - self.began), 0.01))
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self, draw: random.Random, folder: Path) -> None:
        """The command, all of its processes, or one worker."""
        victim = draw.choice(["command", "all", "worker"])
        workers = {pid for path in folder.rglob("status.json") if (pid := _running(path))} - {self.process.pid}
        if victim == "worker" and workers:
            _kill(draw.choice(sorted(workers)))
            self.process.wait()
            return
        self.process.kill()
        self.process.wait()
        if victim == "all":
            for pid in workers:
                _kill(pid)


def _running(path: Path) -> int | None:
    facts = json.loads(path.read_text())
    return facts["pid"] if facts["status"] == "running" else None


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(way, tmp_path, contents, stamps):
    whole, draw, kills, ends = tmp_path / "whole", random.Random(f"{way} {SEED}"), 0, 0
    whole.mkdir()
    first = Life(whole, WAYS[way])
    assert first.process.wait() == 0, (whole / "log").read_text()
    longest, expected = time.monotonic() - first.began, _bare(contents(whole / "runs/a"))
    resume = {"train": ["train", "--resume", "runs/a", "--no-compare"]}.get(
        way, ["sweep", "--resume", "runs/a", *_launcher(way)]
    )
    while kills < N / len(WAYS):
        cwd = tmp_path / f"life{ends}"
        cwd.mkdir()
        folder = cwd / "runs/a"
        words, done = WAYS[way], {}
        while True:
            life = Life(cwd, words)
            if life.lasts(draw.uniform(0.3, 1.1) * longest):
                life.kill(draw, folder)
                kills += 1
            elif life.process.returncode == 0 or _finished_alone(folder):
                break
            # what had finished is never touched again
            assert all(stamps(one) == before for one, before in done.items())
            done = {one: stamps(one) for one in _finished(folder)} if way != "train" else {}
            words = resume if (folder / ("status.json" if way == "train" else "plan.json")).exists() else WAYS[way]
            if words != resume and way == "train" and folder.exists():
                folder.rename(cwd / f"empty{kills}")
        assert _bare(contents(folder)) == expected, (cwd / "log").read_text()
        ends += 1
    print(f"{way}: {kills} kills, {ends} times to the end", file=sys.__stdout__, flush=True)


def _launcher(way: str) -> list[str]:
    return [word for word in WAYS[way] if word.startswith("launcher")]


def _finished(folder: Path) -> list[Path]:
    return [path.parent for path in folder.rglob("status.json") if json.loads(path.read_text())["status"] == "finished"]


def _finished_alone(folder: Path) -> bool:
    """A run that was killed when nothing but its report was missing is not to be trained again."""
    return _finished(folder) == [folder]


def _bare(found: dict) -> dict:
    """Without reports, which tell the time of day."""
    return {name: content for name, content in found.items() if not _is_report(Path(name))}


def _is_report(path: Path) -> bool:
    if path.name in ("checkpoint.pt", "status.json", "config.yaml", "history.csv", "metrics.json", "plan.json"):
        return False
    return "jobs" not in path.parts and path.suffix != ".npz"
