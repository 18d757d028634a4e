"""What is set for the whole process, in a process of its own."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from moe_lab.config.compose import compose
from moe_lab.experiment.machine import settle

def faults(blocks):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(blocks):
        torch.zeros(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

unsettled = faults(10)
settle(compose([]))
faults(3)
print(unsettled, faults(10))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that is told to keep memory")
def test_freed_memory_is_kept_for_the_next_step():
    """Ten blocks of 64 MiB one after the other: 4 KiB a page, so 16,384 page faults a block that is mapped anew, after
    a few by which the heap grows."""
    done = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    unsettled, settled = (int(number) for number in done.stdout.split())
    # the heap may grow once more, for where it begins is drawn by the system
    assert settled < 3 * 16_384
    assert unsettled > 10 * 16_000
