"""`moe-lab train --from` and `--resume`. What a stop or a kill leaves for them is tested in tests/reliability."""

import json
from pathlib import Path

SHORT = ["trainer.epochs=2", "trainer.limit_batches=3"]


def test_from_repeats_and_varies(cli):
    cli("train", *SHORT, "--no-report", "--name", "a", "gate=attentive")
    assert cli("train", "--from", "runs/a", "--no-report", "--name", "b").code == 0
    for name in ("routing.npz", "history.csv", "metrics.json", "config.yaml"):
        assert Path("runs/a", name).read_bytes() == Path("runs/b", name).read_bytes(), name
    assert cli("train", "--from", "runs/a", "seed=3", "--no-report", "--name", "c").code == 0
    rows = json.loads(cli("runs", "-f", "json").out)
    assert rows[2]["choices"] == {**rows[0]["choices"], "seed": 3}
    assert cli("train", "--from", "nowhere").code == 2 and cli("train", "--from", "runs/a", "gate.x=1").code == 2


def test_resume_goes_on_only_with_what_has_not_ended(cli):
    cli("train", *SHORT, "--no-report", "--name", "a")
    result = cli("train", "--resume", "runs/a")
    assert result.code == 2 and "is finished" in result.err and "--from runs/a" in result.err
    assert cli("train", "--resume", "runs/a", "seed=1").code == 2 and cli("train", "--resume", "nowhere").code == 2
    status = json.loads(Path("runs/a/status.json").read_text())
    Path("runs/a/status.json").write_text(json.dumps({**status, "status": "failed"}))
    done = cli("train", "--resume", "runs/a", "--no-report")
    assert done.code == 0, done.err
    assert json.loads(Path("runs/a/status.json").read_text())["status"] == "finished"
