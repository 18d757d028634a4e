"""The next Hydra, 1.4, before it is out: in a folder of its own, so that no other test sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.extras

ROOT = Path(__file__).parents[2]
WANTED = "hydra-core>=1.4.0.dev0,<1.5"


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Run python with this Hydra, from the root of the tree; skips where it cannot be had."""
    site = tmp_path_factory.mktemp("hydra")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--pre", "--target", str(site), WANTED]
    got = subprocess.run(pip, capture_output=True, text=True)
    if got.returncode != 0:
        pytest.skip(f"{WANTED} cannot be had: {got.stderr.strip().splitlines()[-1]}")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}

    def run(*words: str | Path) -> str:
        done = subprocess.run([sys.executable, *map(str, words)], cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        return done.stdout

    assert run("-c", "import hydra; print(hydra.__version__)").startswith("1.4.")
    return run


def test_everything_about_configs(python):
    assert " passed" in python("-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "tests/config")


def test_a_run_and_a_sweep(python, tmp_path):
    """A warning that is an error would be one of Hydra's own."""
    short = ["dataset=digits", "trainer.epochs=1", "trainer.limit_batches=1", "--runs", tmp_path, "--quiet"]
    python("-W", "error::UserWarning", "-m", "moe_lab", "train", "gate=attentive", "k=2", "--name", "run", *short)
    words = ["gate=glob(soft*)", "seed=range(0,2)", "launcher=serial", "--name", "sweep", "--no-report"]
    python("-m", "moe_lab", "sweep", *words, *short)
    assert (tmp_path / "run" / "metrics.json").is_file() and len(list((tmp_path / "sweep" / "jobs").iterdir())) == 4
