"""The arms of the paper's CIFAR-100 table, each trained for a step, on small files in CIFAR-100's format."""

from dataclasses import replace

from moe_lab.data.cifar import Cifar100
from moe_lab.store.run import Run
from moe_lab.sweeps.folder import SweepFolder
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.run import run_sweep
from moe_lab.sweeps.studies.study import open_study, plan_of, published_settings, reported, taught, teachers
from moe_lab.sweeps.studies.table import Measured, levels

A_STEP = ["trainer.epochs=1", "trainer.limit_batches=1", "trainer.batch_size=8"]


def test_every_arm_trains_and_is_measured(few_of_cifar100, tmp_path, monkeypatch):
    few_of_cifar100.write(tmp_path)
    monkeypatch.setattr(Cifar100, "md5s", few_of_cifar100.md5s)
    asked = open_study("krishnamurthy2023", ["dataset=cifar100", f"dataset.root={tmp_path}", *A_STEP])
    asked, folder = replace(asked, seeds=1), tmp_path / "study"
    folder.mkdir()
    settings = published_settings(asked)
    trials, teaching = reported(asked, settings), teachers(asked, settings)
    outcomes = run_sweep(plan_of([*trials, *teaching], []), folder, Serial())
    jobs = SweepFolder(folder)
    pupils = taught(asked, teaching, folder / "jobs")
    outcomes += run_sweep(plan_of(pupils, []), folder, Serial())
    assert {one.state for one in outcomes} == {"finished"}, [one.reason for one in outcomes]

    trials += pupils
    assert [trial.arm for trial in trials] == [*asked.arms]
    runs = {trial.job.name: Run(jobs.job(trial.job.name)) for trial in trials}
    sizes = {trial.arm: runs[trial.job.name].routing["weights"].shape for trial in trials}
    assert sizes.pop("single") == sizes.pop("gate as classifier") == sizes.pop("dense") == (6, 1)
    assert set(sizes.values()) == {(6, 20)}
    assert {runs[trial.job.name].routing["log_probs"].shape for trial in trials} == {(6, 100)}
    # of these files classes have superclasses, so that errors are told apart
    [original] = [runs[trial.job.name].metrics for trial in trials if trial.arm == "original"]
    parts = [original[f"{name}_error_rate"]["value"] for name in ("within_group", "between_groups", "test")]
    assert parts[0] + parts[1] == parts[2]
    lines = levels(asked, Measured(trials, runs))
    assert {line["n"] for line in lines if line["name"] == "test_error_rate"} == {1}
    assert {line["verdict"] for line in lines} == {"not comparable"}
