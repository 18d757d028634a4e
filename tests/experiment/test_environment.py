import json

from moe_lab.experiment.environment import environment


def test_versions_machine_and_command_are_there_and_secrets_are_not(monkeypatch):
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/moe-lab", "train", "k=2"])
    facts = environment(threads=1, config_hash="abc", device="cpu")
    assert facts["command"] == ["moe-lab", "train", "k=2"]
    assert {"python", "torch", "moe-lab", "numpy"} <= facts["versions"].keys()
    assert facts["threads"] == 1 and facts["config_hash"] == "abc" and facts["cores"] >= 1 and facts["cpu"]
    assert facts["variables"]["OMP_NUM_THREADS"] == "1" and "hush" not in json.dumps(facts)
    assert facts["git"] is None or set(facts["git"]) == {"commit", "dirty"}
