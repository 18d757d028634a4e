"""The launchers that need a package of their own, on this machine."""

import pytest

from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import run_sweep
from moe_lab.sweeps.settings import settings

pytestmark = pytest.mark.extras


@pytest.fixture(scope="module")
def two():
    return plan(["seed=0,1", "trainer.epochs=1", "trainer.limit_batches=1"])


@pytest.mark.parametrize(
    ("package", "words"),
    [
        ("submitit", ["launcher=slurm", "launcher.cluster=local"]),
        ("ray", ["launcher=ray", "launcher.workers=2"]),
    ],
)
# what these packages leave open is not ours
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_sweep_and_a_stop(two, tmp_path, package, words):
    pytest.importorskip(package)
    stopped = run_sweep(two, tmp_path, settings(words).launcher, stop_asked=lambda: True)
    assert all(one.state in ("planned", "interrupted", "lost", "finished") for one in stopped)
    outcomes = run_sweep(two, tmp_path, settings(words).launcher)
    assert [one.state for one in outcomes] == ["finished", "finished"], outcomes
