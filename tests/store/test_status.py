import json
import os
import socket
import subprocess
import sys

from moe_lab.store.process import process_start
from moe_lab.store.status import StatusFile, is_lost


def read(folder):
    return json.loads((folder / "status.json").read_text())


def test_a_run_from_start_to_end(tmp_path):
    status = StatusFile(tmp_path, key="abc", differs={"k": 2})
    status.start()
    running = read(tmp_path)
    assert running["status"] == "running" and running["pid"] == os.getpid() and running["differs"] == {"k": 2}
    assert running["process_start"] == process_start(os.getpid()) and running["ended_at"] is None
    assert not is_lost(running)
    status.end("finished", headline={"test_error_rate": 0.1})
    ended = read(tmp_path)
    assert ended["status"] == "finished" and ended["headline"] == {"test_error_rate": 0.1} and ended["ended_at"]
    assert list(ended)[:5] == ["status", "pid", "host", "process_start", "started_at"]


def test_a_running_status_is_lost_where_its_process_is_proven_dead():
    child = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead = {"status": "running", "host": socket.gethostname(), "pid": int(child.stdout), "process_start": 1}
    assert is_lost(dead)
    # another host's process cannot be looked at
    assert not is_lost({**dead, "host": "elsewhere"})
    assert not is_lost({**dead, "status": "finished"})
    # the pid lives, but it is another process than the one that wrote
    reused = {**dead, "pid": os.getpid(), "process_start": 1}
    assert is_lost(reused)
    assert not is_lost({**dead, "pid": None})
