"""Target 9: ten million slots in a minute and a GiB.

A trace of OLMoE's size, 16 layers of 64 experts, 640,000 rows in 1,250 documents of five domains with token ids: 10.2
million slots with k=1, 81.9 million with k=8, for which five minutes and two GiB are allowed. All measures, the null of
200 permutations of documents and all intervals, in a fresh process on one thread; CPU time of ``measure`` alone, and
the most memory of the process, the trace itself included.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.rows import Row
from moe_lab.metrics.traces import measure
from moe_lab.routing.trace import Labels, LayerTrace, Trace

GIB = 1 << 30


@dataclass(frozen=True)
class Size:
    """Rows, layers, experts, selected experts; ``tokens`` of the vocabulary, 0 without token ids."""

    rows: int = 640_000
    layers: int = 16
    experts: int = 64
    k: int = 1
    tokens: int = 50_000
    length: int = 512
    domains: int = 5

    @property
    def slots(self) -> int:
        return self.rows * self.layers * self.k


def rows(quick: bool) -> Iterator[Row]:
    whole = Size(rows=64_000) if quick else Size()
    part = whole.rows / Size().rows
    for size, seconds, gib in ((whole, 60 * part, 1), (replace(whole, k=8), 300 * part, 2)):
        used = measured_alone(size)
        case = f"{size.slots / 1e6:.3g} million slots, k={size.k}"
        yield Row("9", f"{case}, {seconds:g} s allowed", seconds / used["seconds"], 1.0, 1.0)
        yield Row("9", f"{case}, {gib} GiB allowed", gib * GIB / used["bytes"], 1.0, 1.0)


def measured_alone(size: Size) -> dict[str, float]:
    """CPU seconds of ``measure`` and the most bytes of its process, a fresh one."""
    code = f"from benchmarks.traces import *; once({size!r})"
    threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=os.environ | threads
    )
    return json.loads(done.stdout)


def once(size: Size) -> None:
    """Measure one trace and print its costs."""
    trace = drawn(size)
    seconds = timed(trace)
    # Linux counts in KiB
    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "bytes": most}))


def timed(trace: Trace) -> float:
    """CPU seconds of all measures."""
    started = time.process_time()
    measure(trace)
    return time.process_time() - started


def drawn(size: Size) -> Trace:
    """Half of the rows select experts by their token, the others at random; tokens are drawn by Zipf's law."""
    rng = np.random.default_rng(0)
    document_T = np.arange(size.rows, dtype=np.int32) // size.length
    documents = int(document_T[-1]) + 1
    share = 1 / np.arange(1, max(1, size.tokens) + 1)
    token_T = rng.choice(len(share), size.rows, p=share / share.sum()).astype(np.int32)
    # a row's k experts are consecutive, so they are different
    step, slot_K = max(1, size.experts // size.k), np.arange(size.k)
    layers = []
    for number in range(size.layers):
        follows_T = rng.random(size.rows) < 0.5
        first_T = np.where(follows_T, token_T % size.experts, rng.integers(0, size.experts, size.rows))
        experts_TK = ((first_T[:, None] + step * slot_K) % size.experts).astype(np.int16)
        layers.append(LayerTrace(name=f"block{number}", experts=size.experts, experts_TK=experts_TK))
    domain_D = (np.arange(documents) % size.domains).astype(np.int32)
    return Trace(
        layers=tuple(layers),
        document_T=document_T,
        token_id_T=token_T if size.tokens else None,
        document_labels={"domain": Labels(value=domain_D, names=tuple(map(str, range(size.domains))))},
    )
