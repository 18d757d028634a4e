"""A run that torchrun starts on two hosts: network namespaces of this machine, joined by a pair of devices as by a
cable, or, where they are not permitted, this machine twice."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from psutil import Process

from moe_lab.store.run import Run
from tests.parallel.test_launched import SHORT, free_port
from tests.parallel.test_life import LONG, shorten

ADDRESSES = ("10.77.0.1", "10.77.0.2")
#: the device of either host
DEVICE = "moelab"
#: after which a cut cable ends a run
TIMEOUT = 5


def ip(words: str) -> None:
    subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True)


class Hosts:
    """``reason``: why they are not apart; then both are this machine."""

    def __init__(self) -> None:
        self.names = [f"moe-lab-{os.getpid()}-{number}" for number in range(2)]
        self.nodes: list[subprocess.Popen[str]] = []
        self.reason = ""

    def part(self) -> None:
        """Raises FileNotFoundError or CalledProcessError if this machine does not permit it."""
        first, second = self.names
        for name in self.names:
            ip(f"netns add {name}")
        ip(f"link add {DEVICE} netns {first} type veth peer name {DEVICE} netns {second}")
        for name, address in zip(self.names, ADDRESSES, strict=True):
            ip(f"-n {name} address add {address}/24 dev {DEVICE}")
            ip(f"-n {name} link set lo up")
            ip(f"-n {name} link set {DEVICE} up")

    def start(self, folder: Path, *words: str) -> None:
        """One agent of torchrun on each host, with a process each."""
        line = ["-m", "moe_lab", "train", *words, "--no-report", "--no-compare", "--runs", str(folder), "--name", "run"]
        port = free_port()
        for node, name in enumerate(self.names):
            inside = [] if self.reason else ["ip", "netns", "exec", name]
            agent = [
                *inside, sys.executable, "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=1",
                f"--node-rank={node}", f"--master-addr={'127.0.0.1' if self.reason else ADDRESSES[0]}",
                f"--master-port={port}",
            ]  # fmt: skip
            ends = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
            env = os.environ if self.reason else {**os.environ, "GLOO_SOCKET_IFNAME": DEVICE}
            self.nodes.append(subprocess.Popen([*agent, *line], env=env, **ends))

    def ended(self, node: int) -> tuple[int, str, str]:
        """Exit code, and what was printed."""
        printed = self.nodes[node].communicate(timeout=300)
        return self.nodes[node].returncode, *printed

    def remove(self) -> None:
        for node in self.nodes:
            if node.poll() is None:
                # the agent would wait for half a minute for its process, which waits for the other host
                for one in (*Process(node.pid).children(recursive=True), node):
                    one.kill()
            node.communicate()
        for name in self.names:
            subprocess.run(["ip", "netns", "delete", name], capture_output=True)


@pytest.fixture
def hosts():
    made = Hosts()
    try:
        made.part()
    except FileNotFoundError:
        made.reason = "no program ip, of iproute2, that makes hosts of network namespaces"
    except subprocess.CalledProcessError as error:
        made.reason = f"this machine permits no network namespaces: {error.stderr.strip()}"
    yield made
    made.remove()


def test_two_hosts_have_the_bits_of_one(hosts, tmp_path):
    hosts.start(tmp_path, *SHORT)
    (first, printed, said), (second, nothing, other) = (hosts.ended(node) for node in range(2))
    assert (first, second) == (0, 0), said + other
    assert f"run     {tmp_path / 'run'}" in printed and nothing == ""
    line = [sys.executable, "-m", "moe_lab", "train", *SHORT, "--no-report", "--no-compare", "-q"]
    subprocess.run([*line, "--runs", str(tmp_path), "--name", "here"], check=True)
    two, one = Run(tmp_path / "run"), Run(tmp_path / "here")
    assert two.status["status"] == one.status["status"] == "finished"
    assert two.status["processes"] == one.status["processes"] == [2] and two.status["key"] == one.status["key"]
    for file in ("history.csv", "metrics.json"):
        assert (two.path / file).read_bytes() == (one.path / file).read_bytes(), file


@pytest.mark.slow
def test_a_cable_that_is_cut_ends_the_run_which_goes_on(hosts, tmp_path):
    if hosts.reason:
        pytest.skip(hosts.reason)
    hosts.start(tmp_path, *LONG, f"parallel.timeout_seconds={TIMEOUT}")
    folder, until = tmp_path / "run", time.monotonic() + 300
    while not (folder / "checkpoint.pt").exists():
        assert time.monotonic() < until and hosts.nodes[0].poll() is None
        time.sleep(0.1)
    ip(f"-n {hosts.names[1]} link set {DEVICE} down")
    code, _, said = hosts.ended(0)
    assert code != 0 and Run(folder).status["status"] == "interrupted", said
    assert "rank 1" in Run(folder).status["error"]
    shorten(folder)
    words = ["--resume", str(folder), "parallel.processes=1", "-q", "--no-report", "--no-compare"]
    subprocess.run([sys.executable, "-m", "moe_lab", "train", *words], check=True)
    assert Run(folder).finished and Run(folder).status["processes"] == [2, 1]
