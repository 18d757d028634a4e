import json

import yaml


def test_the_whole_config_and_what_differs(cli):
    result = cli("config", "gate=top_k", "trainer.lr=0.01")
    config = yaml.safe_load(result.out)
    assert config["trainer"]["lr"] == 0.01 and config["k"] == 2 and config["gate"]["combine"] == "probabilities"
    head = [line for line in result.out.splitlines() if line.startswith("#")]
    assert head[0] == "# differs from the defaults:" and any("top_k" in line for line in head)
    assert not any("epochs" in line for line in head)


def test_defaults_and_json(cli, tmp_path):
    assert cli("config").out.startswith("# nothing differs from the defaults")
    assert json.loads(cli("config", "-f", "json").out)["k"] == 5
    assert cli("config", "-f", "xml").code == 2
    assert list((tmp_path / "cwd").iterdir()) == []
