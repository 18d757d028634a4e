import json

import numpy as np
import yaml


def test_the_whole_config_and_what_differs(cli):
    result = cli("config", "gate=top_k", "trainer.lr=0.01")
    config = yaml.safe_load(result.out)
    assert config["trainer"]["lr"] == 0.01 and config["k"] == 2 and config["gate"]["combine"] == "probabilities"
    head = [line for line in result.out.splitlines() if line.startswith("#")]
    assert head[0] == "# differs from the defaults:" and any("top_k" in line for line in head)
    assert not any("epochs" in line for line in head)


def test_the_data_are_read_by_data_check(cli, tmp_path):
    """As the help says: `config` checks words, and of a file of one's own the labels."""
    x_ND = np.zeros((20, 3))
    x_ND[7, 1] = np.nan
    words = ["dataset.path=own.npz"]
    np.savez(tmp_path / "cwd" / "own.npz", x_train=x_ND, y_train=np.arange(20) % 2)
    assert cli("config", "dataset=npz", *words).code == 0
    checked = cli("data", "check", "npz", *words)
    assert checked.code == 2 and "found NaN" in checked.err
    assert "Data files are not read" in " ".join(cli("config", "--help").out.split())


def test_letters_beyond_ascii_are_printed_as_they_are(cli, tmp_path):
    np.savez(tmp_path / "cwd" / "größe.npz", x_train=np.zeros((20, 3)), y_train=np.arange(20) % 2)
    words = ["dataset=npz", 'dataset.path="größe.npz"']
    printed = cli("config", *words).out
    assert '#   dataset.path: "größe.npz"' in printed and "\n  path: größe.npz\n" in printed
    # JSON stays ASCII: what a terminal must not get is escaped by JSON's own rules
    assert '"gr\\u00f6\\u00dfe.npz"' in cli("config", *words, "-f", "json").out


def test_defaults_and_json(cli, tmp_path):
    assert cli("config").out.startswith("# nothing differs from the defaults")
    assert json.loads(cli("config", "-f", "json").out)["k"] == 5
    assert cli("config", "-f", "xml").code == 2
    assert list((tmp_path / "cwd").iterdir()) == []
