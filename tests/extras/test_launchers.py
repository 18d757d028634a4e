"""The launchers that need a package of their own, on this machine."""

import pytest

from moe_lab.errors import ConfigError
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


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_job_of_several_processes_has_a_task_of_slurm_for_each(tmp_path):
    """They meet as tasks of submitit; the job beside it, of one process, is one task."""
    pytest.importorskip("submitit")
    words = ["gate=top_k", "k=2", "trainer.epochs=1", "trainer.limit_batches=1", "parallel=none,experts"]
    launcher = settings(["launcher=slurm", "launcher.cluster=local"]).launcher
    outcomes = run_sweep(plan(words), tmp_path, launcher)
    assert [one.state for one in outcomes] == ["finished", "finished"], outcomes
    logs = [path.name.rpartition("_log.")[0] for path in (tmp_path / "submitit").glob("*_log.out")]
    assert sorted(int(name.rpartition("_")[2]) for name in logs) == [0, 0, 1]


def test_nodes_that_cannot_share_a_job_evenly_are_refused(tmp_path):
    pytest.importorskip("submitit")
    words = ["gate=top_k", "k=2", "parallel=experts", "parallel.processes=3"]
    launcher = settings(["launcher=slurm", "launcher.cluster=local", "launcher.nodes=2"]).launcher
    with pytest.raises(ConfigError, match="launcher.nodes=2 cannot have as many of 3 processes each.*processes=4"):
        run_sweep(plan(words), tmp_path, launcher)
