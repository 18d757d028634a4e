"""A claim has one holder, and none once the holder's process has ended."""

import os
import subprocess
import sys
import time

import pytest

from moe_lab.errors import RunError
from moe_lab.store.claim import Held, claimed

HOLD = "import sys, time; from pathlib import Path; from moe_lab.store.claim import claimed\n"
HOLD += "with claimed(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


def test_one_holder_and_none_when_it_is_killed(tmp_path):
    path = tmp_path / "claim"
    with subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Held, match=f"in use by process {other.pid} on "), claimed(path):
            pass
        other.kill()
        other.wait()
        with claimed(path), pytest.raises(Held, match=f"process {os.getpid()} on "), claimed(path):
            pass
    with claimed(path):
        pass


def test_patience_waits_for_the_holder(tmp_path):
    path = tmp_path / "claim"
    began = time.monotonic()
    with claimed(path), pytest.raises(Held), claimed(path, patience=0.3):
        pass
    assert time.monotonic() - began >= 0.3


def test_a_link_is_no_claim(tmp_path):
    (tmp_path / "claim").symlink_to(tmp_path / "else")
    with pytest.raises(RunError, match="is a link"), claimed(tmp_path / "claim"):
        pass
    assert not (tmp_path / "else").exists()
