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


def test_what_slurm_refuses_is_one_line_and_goes_on_with_other_options(two, tmp_path, monkeypatch):
    """Slurm's commands are stood in for by scripts: sbatch refuses, as it does a partition that it does not have."""
    pytest.importorskip("submitit")
    said = "sbatch: error: invalid partition specified: shortt\nsbatch: error: Batch job submission failed"
    for name, text in (("sbatch", f"echo '{said}' >&2; exit 1"), ("srun", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    sweep = tmp_path / "sweep"
    sweep.mkdir()
    refusal = r"refuses these jobs \(invalid partition specified: shortt; Batch job submission failed\).*--resume "
    with pytest.raises(ConfigError, match=refusal):
        run_sweep(two, sweep, settings(["launcher=slurm", "launcher.partition=shortt"]).launcher)
    assert [one.state for one in run_sweep(two, sweep, settings([]).launcher)] == ["finished", "finished"]


def test_a_machine_without_slurm_is_said_before_anything_is_written(monkeypatch, tmp_path):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match="sbatch, and this machine has none.*launcher.cluster=local"):
        settings(["launcher=slurm"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["launcher.address=auto"], "launcher.address=auto: no Ray cluster is there .*leave it out"),
        (["launcher.gpus=4096"], "launcher.gpus=4096: Ray finds [0-9]+ GPUs on this machine"),
        (["launcher.workers=1", "launcher.cpus=2"], "launcher.cpus=2: Ray finds 1 CPU on this machine"),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_ray_cluster_that_cannot_run_the_jobs_is_one_line(two, tmp_path, words, said):
    pytest.importorskip("ray")
    with pytest.raises(ConfigError, match=said):
        run_sweep(two, tmp_path, settings(["launcher=ray", *words]).launcher)
