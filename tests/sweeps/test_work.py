"""What a worker keeps in memory from one job to the next."""

import weakref

from moe_lab.sweeps import work
from moe_lab.sweeps.launchers.serial import Serial
from moe_lab.sweeps.plan import plan
from moe_lab.sweeps.run import run_sweep
from tests.sweeps.conftest import SHORT


def test_jobs_with_the_same_data_load_them_once_and_other_data_replace_them(monkeypatch, folder):
    """Two jobs of all digits, which differ in the learning rate, then two of two classes."""
    load, kept = work.load_data, []

    def counted(config):
        assert all(one() is None for one in kept), "the data of ended jobs are still in memory"
        data = load(config)
        kept.append(weakref.ref(data))
        return data

    monkeypatch.setattr(work, "load_data", counted)
    monkeypatch.setattr(work, "_loaded", {})
    made = plan(["classes=null,[0,1]", "trainer.lr=1e-3,1e-2", *SHORT])
    assert all(one.state == "finished" for one in run_sweep(made, folder, Serial()))
    assert len(made.jobs) == 4 and len(kept) == 2
